// What REDUCE, NEWOBJ, BUILD and BINPERSID mean for the globals of the allow-list. Nothing is
// called: each makes inert data of its arguments.
#pragma once

#include <string>

#include "pickle_heap.h"

namespace vit::io {

/// `function(*arguments)`. All throw DataError, opened by `where`.
Value reduce(PickleHeap& heap, Value function, Value arguments, const PicklePlace& where);
/// `type.__new__(type, *arguments)`.
Value new_object(PickleHeap& heap, Value type, Value arguments, const PicklePlace& where);
/// `object.__setstate__(state)`.
void build(PickleHeap& heap, Value object, Value state, const PicklePlace& where);
/// A tuple `('storage', type, key, location, count[, view])`.
Value load_persistent(PickleHeap& heap, Value id, const PicklePlace& where);

}  // namespace vit::io
