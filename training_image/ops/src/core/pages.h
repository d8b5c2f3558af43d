// Makes the next pages of growing arenas ready before they are reached.
//
// Memory:  the names of the arenas that asked; one thread for the whole process, started by the first that asks.
// Threads: all functions from any thread.
//
// Zeroing a page of 2 MB costs the one who touches it first a good part of a millisecond, and a batch of new rows may
// touch several in each column. Here another thread pays, page by page in turn for all arenas that asked, and at a lower
// priority than those it works for. After a fork the child has no such thread: its arenas then
// open their pages as they reach them, and nothing else changes.
#pragma once

namespace tandem {

class Arena;

// Has the background thread call arena->PrepareAhead() soon, until there is nothing left to do. Waits for nobody; where
// others ask at the same moment, the request may be lost.
void PreparePagesOf(Arena* arena);

// Afterwards the background thread does not know the arena. Waits if it is at work on it.
void ForgetPagesOf(Arena* arena);

}  // namespace tandem
