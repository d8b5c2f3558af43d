// What Classify and Regress answer: one head of the model, which is an output of model.json, a probability.
//
// Memory:  returns new strings.
// Threads: pure functions.
//
// Signatures are named as TensorFlow's multi-head estimators export them: `ctr/classification`, `ctr/regression`. Left
// out, or serving_default, it is the first output. A head's two classes are "0" and "1", with 1 - p and p as scores;
// its regression is p.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "door/example_request.h"
#include "door/model.h"
#include "door/refusal.h"

namespace tandem::serving::door {

std::string HeadSignature(const std::string& output, bool regress);

// The output of each task, in their order; refused where a signature is none, or two tasks are the same.
Refusal ChooseHeads(const ModelSpec& spec, const std::vector<ExampleTask>& tasks, std::vector<size_t>* outputs);

}  // namespace tandem::serving::door
