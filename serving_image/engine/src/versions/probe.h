// Whether a version answers: a batch made of its own rows, and every output finite.
//
// Memory:  a few ids; the scratch is the caller's, so that updates allocate nothing large.
// Threads: the writer's, before the version is published; its rows can't be reclaimed meanwhile.
#pragma once

#include "core/status.h"
#include "versions/version.h"

namespace tandem::serving {

// Refuses a version one of whose outputs is not finite, naming it. String ids can't be made from keys: they read the
// row of one text, or none.
Status Probe(const Version& version, DenseScratch* scratch);

}  // namespace tandem::serving
