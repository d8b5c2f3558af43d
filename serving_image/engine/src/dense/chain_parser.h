// The chain of program.json: names become numbers, widths are worked out and checked.
//
// Memory:  fills Program::chain and Program::chain_outputs.
// Threads: one.
#pragma once

#include "dense/json_reader.h"
#include "dense/program.h"

namespace tandem::serving {

// Features, slots and outputs of the program are there. `outputs`: the values that are the outputs; null: those that
// are named as program->outputs says. Refusals are in the reader.
void ParseChain(JsonReader* reader, const nlohmann::json& chain, const nlohmann::json& outputs, Program* program);

}  // namespace tandem::serving
