// SPDX-License-Identifier: Apache-2.0
// What a model file may ask of us. Everything beyond is refused with a sentence.
#ifndef SZ_IMPORT_LIMITS_H
#define SZ_IMPORT_LIMITS_H

enum {
    SZ_WIRE_WINDOW = 64 * 1024,      // bytes of the file in memory at one time
    SZ_WIRE_FIRST_READ = 4 * 1024,   // after a jump; grows while the reading goes on straight
    SZ_WIRE_MAX_TEXT = 1024 * 1024,  // longest name or string that is kept
    SZ_WIRE_MAX_GROUPS = 100,        // nested groups (protobuf's own limit on nesting)

    SZ_ONNX_MAX_IR = 14,             // newest known IR version
    SZ_ONNX_MAX_OPSET = 28,          // newest known version of the default domain
    SZ_ONNX_MAX_BODIES = 32,         // levels of bodies in bodies (If, Loop, Scan)
    SZ_ONNX_MAX_TYPES = 32,          // levels of types in types (sequence of sequence of ...)
    SZ_ONNX_MAX_ATTRS = 256,         // attributes of a node: compared each with each
    SZ_ONNX_MAX_CALLS = 64,          // levels of functions that call functions
    SZ_ONNX_MAX_EXPANDED = 1000000,  // nodes that all calls of functions together may turn into
    SZ_ONNX_MAX_EXPANDED_BYTES = 128 << 20, // bytes of functions read for all calls together
    SZ_ONNX_MAX_DOMAINS = 1000,      // opset imports: looked up one by one
    SZ_ONNX_MAX_SYMBOLS = 10000,     // free dimensions: looked up one by one
    SZ_ONNX_MAX_NUMBERS = 4096,      // elements of a tensor whose numbers are kept
    SZ_ONNX_MAX_PREFIX = 256,        // bytes of the path that names what a function expanded to

    SZ_HLO_MAX_NAME = 65536,         // bytes of a name
    SZ_HLO_MAX_TUPLES = 8,           // levels of tuples in tuples
    SZ_HLO_MAX_BRACKETS = 100000,    // brackets in brackets in what is skipped
    SZ_HLO_MAX_PARAMS = 1000000,     // parameters of a computation
    SZ_HLO_MAX_ATTRS = 64,           // attributes of an instruction: compared each with each
    SZ_HLO_MAX_NUMBERS = 64,         // elements of a constant whose numbers are kept
    SZ_HLO_MAX_EXPANDED = 4000000    // instructions, those of a computation as often as called
};

enum {
    SZ_XML_WINDOW = 64 * 1024,      // bytes of the file in memory at one time
    SZ_XML_MAX_TOKEN = 1024 * 1024, // longest tag or text
    SZ_XML_MAX_ATTRS = 256,         // attributes of a tag: compared each with each
    SZ_XML_MAX_DEPTH = 512,         // elements in elements; a body in a body takes 4

    SZ_SHLO_WINDOW = 64 * 1024,     // bytes of the file in memory at one time
    SZ_SHLO_MAX_TEXT = 64 * 1024,   // what is kept of a name or of an attribute
    SZ_SHLO_MAX_NUMBERS = 64,       // elements of a constant whose numbers are kept
    SZ_SHLO_MAX_ATTRS = 256,        // attributes of an operator: looked up one by one
    SZ_SHLO_MAX_RESULTS = 65536,    // of one operator
    SZ_SHLO_MAX_SYMBOLS = 10000,    // free dimensions: looked up one by one
    SZ_SHLO_MAX_EXPANDED = 4000000, // nodes, those of a function as often as it is called

    SZ_IR_MIN_VERSION = 10,         // oldest and newest version of OpenVINO IR
    SZ_IR_MAX_VERSION = 11,
    SZ_IR_MAX_UNSORTED = 1024,      // ports of a layer whose ids do not rise: looked up one by one
    SZ_IR_MAX_LINKS = 1024,         // lines of the port map of a body: looked up one by one
    SZ_IR_MAX_SYMBOLS = 10000       // free dimensions: looked up one by one
};

enum {
    SZ_GGUF_WINDOW = 64 * 1024,         // bytes of the file in memory at one time
    SZ_GGUF_FIRST_READ = 8 * 1024,      // grows while the reading goes on straight
    SZ_GGUF_MAX_HEADER = 128 << 20,     // bytes read of it; a list of words has 2 to 10 MB
    SZ_GGUF_MAX_VERSION = 3,
    SZ_GGUF_MAX_KEY = 65535,            // bytes; the format's own limit
    SZ_GGUF_MAX_NAME = 4096,            // of a tensor
    SZ_GGUF_MAX_TEXT = 4096,            // of a value: what is kept of it
    SZ_GGUF_MAX_RANK = 4,               // the format's own limit
    SZ_GGUF_MAX_NUMBERS = 4096,         // of an array that is kept
    SZ_GGUF_MAX_NESTED = 16,            // arrays in arrays
    SZ_GGUF_MAX_ALIGNMENT = 1024 * 1024,
    SZ_GGUF_MAX_SHARDS = 10000
};

enum {
    SZ_JTREE_MAX_TEXT = 1024 * 1024,        // bytes of a string
    SZ_JTREE_MAX_DIGITS = 1000,             // of a number
    SZ_JTREE_MAX_DEPTH = 64,                // brackets in brackets
    SZ_ST_MAX_HEADER = 100 * 1000 * 1000,  // bytes; the format's own limit
    SZ_ST_MAX_SHARDS = 10000
};

// Memory goes by the header bytes read (model/graph/allowance.h). Headers are read more than once
// (bodies of functions as often as they are called), so they count up to 4 times the file's size.
enum { SZ_IMPORT_MAX_REREAD = 4 };

#endif
