// SPDX-License-Identifier: Apache-2.0
// What families of nets for images share.
#ifndef SZ_NETS_IMAGES_H
#define SZ_NETS_IMAGES_H

#include "model/nets/families.h"

#define SZ_PARAM_IMAGE(size)                                                                       \
    SZ_PARAM_SIZE("image", size, "height and width"),                                              \
        SZ_PARAM_SIZE("in_channels", 3, "channels of the image"),                                  \
        SZ_PARAM_SIZE("classes", 1000, "outputs of the classifier")

// The input of the parameters "image" and "in_channels".
sz_value_id sz_net_image(sz_net *n);
// Mean over the image, then a linear layer to "classes": the output.
void sz_net_classifier(sz_net *n, sz_value_id x, int64_t channels);
// A convolution without bias and its normalization, called conv1 and bn1 for number 1.
sz_value_id sz_net_conv_norm(sz_net *n, int number, sz_value_id x, int64_t in, int64_t out,
                             int64_t kernel, int64_t stride);
sz_value_id sz_net_conv_norm_of(sz_net *n, int number, sz_value_id x, const sz_net_conv *c);
// Convolutions of a stage of VGG, each with its activation.
sz_value_id sz_net_vgg_convs(sz_net *n, sz_value_id x, int64_t convs, int64_t in, int64_t out);
// A residual net of the parameters "depth" and "in_channels", up to its last stage. Dilated: the
// last two stages widen their windows instead of halving the image (Chen et al. 2017). The outputs
// of the stages in ret_stages, which may be NULL.
sz_value_id sz_net_residual(sz_net *n, sz_value_id x, int64_t width, bool dilated,
                            sz_value_id ret_stages[4]);

#endif
