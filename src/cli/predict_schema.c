// SPDX-License-Identifier: Apache-2.0
// JSON of `predict` on several machines, and of a time that is carried to another one.
#include "cli/predict.h"

static const cli_schema_row machines[] = {
    {1, "model", CLI_J_STRING, "its path", NULL, false},
    {1, "level", CLI_J_STRING, NULL, NULL, false},
    {1, "machines", CLI_J_ARRAY, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_across_row_type, false},
    {1, "score", CLI_J_OBJECT, "over all of them", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_across_score_type, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

static const cli_schema_row rescaled[] = {
    {1, "model", CLI_J_STRING, "its path", NULL, false},
    {1, "level", CLI_J_STRING, NULL, NULL, false},
    {1, "from", CLI_J_STRING, "machine on which it was measured", NULL, false},
    {1, "to", CLI_J_STRING, "machine that it is carried to", NULL, false},
    {1, "total", CLI_J_OBJECT, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_rescaled_type, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

const cli_word_schema cli_predict_words[] = {
    {"machines", machines, CLI_COUNT(machines)},
    {"rescaled", rescaled, CLI_COUNT(rescaled)},
    {NULL, NULL, 0},
};
