// What comes out of gRPC's completion queue: the tag of every operation points to one.
//
// Memory:  deletes itself when nothing more will come for it.
// Threads: Proceed on any thread of the server, one at a time for one Event.
#pragma once

namespace tandem::serving::door {

class Event {
 public:
  virtual ~Event() = default;
  // The operation that was begun last is over; not ok: it failed, or the server ends.
  virtual void Proceed(bool ok) = 0;
};

}  // namespace tandem::serving::door
