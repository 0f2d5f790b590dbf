// From an unpickler's tables to values that others may walk.
#pragma once

#include <string>
#include <vector>

#include "pickle_heap.h"
#include "vit/io/pickle.h"

namespace vit::io {

/// `records[i]`: heap.storages[i]'s record, as long as it claims.
/// Throws DataError for what contains itself, is nested more than 64 deep or has no bound.
PickleValue make_result(const PickleHeap& heap, Value root, const std::vector<ByteRange>& records,
                        const std::string& where);

}  // namespace vit::io
