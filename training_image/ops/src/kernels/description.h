// What a table is described as, from the text of its op to the options of the core.
//
// Memory:  values.
// Threads: pure.
//
// The text is lines `name=value`, in any order, absent ones at their defaults: an option is one line in description.cc
// and a field of a dataclass in Python, and a graph saved before an option existed still loads. Numbers are in decimal
// as Python prints them, so that doubles arrive exactly.
#pragma once

#include <string>

#include "core/table.h"

namespace tandem {

// Reads `text` into `options`; refuses a name or a value that it does not know.
Status ReadDescription(const std::string& text, TableOptions* options);

}  // namespace tandem
