// The features of tf.Examples against the model's contract, and into the arrays of a batch: a row per example.
//
// Memory:  a view per input while it runs; the values go into BatchInputs.
// Threads: pure but for the BatchInputs, which belongs to one thread.
//
// A feature is a declared input of the same name: int64_list, bytes_list or float_list of exactly `length` values, as
// a FixedLenFeature without a default. What an example lacks is taken from the context; other features are passed over.
#pragma once

#include <cstddef>

#include "door/batch_inputs.h"
#include "door/example_request.h"
#include "door/model.h"
#include "door/refusal.h"

namespace tandem::serving::door {

// Adds a row for each example to a batch that was begun for this contract. Refused with the example's number, the
// feature and the remedy; the batch is then as it was.
Refusal AppendExamples(const ModelSpec& spec, const ExampleRequest& request, size_t most_rows, BatchInputs* inputs);

}  // namespace tandem::serving::door
