#include "pickle_calls.h"

#include <algorithm>
#include <span>

#include "geometry.h"
#include "pickle_globals.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

/// The arguments of one call, each fetched with the type that it must have.
class Arguments {
 public:
  Arguments(const PickleHeap& heap, const std::vector<Value>& items, std::string call,
            const PicklePlace& where)
      : heap_(heap), items_(items), call_(std::move(call)), where_(where) {}

  std::size_t size() const { return items_.size(); }
  const std::string& call() const { return call_; }
  void expect_count(std::size_t least, std::size_t most) const {
    if (size() < least || size() > most)
      throw DataError("{}: expected {} with {} to {} arguments, found {}", where_, call_, least,
                      most, size());
  }

  Value any(std::size_t i) const { return items_[i]; }
  Value of(std::size_t i, Tag tag, const char* expected) const {
    if (items_[i].tag != tag) wrong(i, expected);
    return items_[i];
  }
  std::int64_t count(std::size_t i) const {
    const auto value = of(i, Tag::kInt, "a whole number");
    if (value.integer < 0) wrong(i, "a number that is not negative");
    return value.integer;
  }
  std::vector<std::int64_t> counts(std::size_t i) const {
    if (!heap_.is_node(items_[i], NodeKind::kTuple)) wrong(i, "a tuple of whole numbers");
    const auto& items = heap_.nodes[items_[i].index].items;
    if (items.size() > kMaxRank) wrong(i, "at most 16 dimensions");
    std::vector<std::int64_t> result;
    for (const auto item : items) {
      if (item.tag != Tag::kInt || item.integer < 0) wrong(i, "numbers that are not negative");
      result.push_back(item.integer);
    }
    return result;
  }
  const PickleGlobal& global(std::size_t i, GlobalKind kind, const char* expected) const {
    const auto& found = pickle_global(of(i, Tag::kGlobal, expected).index);
    if (found.kind != kind) wrong(i, expected);
    return found;
  }
  [[noreturn]] void wrong(std::size_t i, const char* expected) const {
    throw DataError("{}: expected {} as argument {} of {}, found {}", where_, expected, i + 1,
                    call_, describe(heap_, items_[i]));
  }

 private:
  const PickleHeap& heap_;
  const std::vector<Value>& items_;
  std::string call_;
  const PicklePlace& where_;
};

/// Elements that a tensor may have beyond its storage (an expanded dimension of stride 0). Enough
/// for a buffer of positions, too few to fill the memory of who makes it contiguous.
constexpr std::uint64_t kMaxExpanded = 1U << 20;

void check_geometry(const PickledTensor& tensor, std::uint64_t offset, const Storage& storage,
                    const PicklePlace& where) {
  const auto size = size_of(tensor.dtype);
  const auto available = storage.view_size / size;
  const auto reached = reached_elements(tensor.shape, tensor.strides);
  const auto bytes = contiguous_bytes(tensor.dtype, tensor.shape);
  if (!reached || !bytes || offset > available || *reached > available - offset)
    throw DataError(
        "{}: tensor of shape {}, strides {}, offset {}: expected it to lie within its "
        "storage of {} elements",
        where, tensor.shape, tensor.strides, offset, available);
  if (*bytes / size > std::max(available, kMaxExpanded))
    throw DataError(
        "{}: tensor of shape {}, strides {}: expected at most the {} elements of its "
        "storage",
        where, tensor.shape, tensor.strides, available);
}

/// set_tensor_metadata's: a tensor that must be conjugated or negated when it is read.
void refuse_lazy_bits(const PickleHeap& heap, Value metadata, const PicklePlace& where) {
  if (!heap.is_node(metadata, NodeKind::kDict)) return;
  const auto& items = heap.nodes[metadata.index].items;
  for (std::size_t i = 0; i < items.size(); i += 2)
    if (items[i].tag == Tag::kString && items[i + 1].tag == Tag::kBool && items[i + 1].integer != 0)
      throw DataError("{}: a tensor with {} set is not supported", where, describe(heap, items[i]));
}

Value rebuild_tensor(PickleHeap& heap, const Arguments& arguments, GlobalKind kind,
                     const PicklePlace& where) {
  const bool v3 = kind == GlobalKind::kRebuildTensorV3;
  const std::size_t metadata = v3 ? 7 : 6;
  if (kind == GlobalKind::kRebuildTensor)
    arguments.expect_count(4, 4);
  else
    arguments.expect_count(metadata, metadata + 1);
  PickledTensor tensor;
  tensor.storage = arguments.of(0, Tag::kStorage, "a storage").index;
  const auto& storage = heap.storages[tensor.storage];
  tensor.dtype = storage.dtype;
  if (v3) {
    const auto& dtype = arguments.global(6, GlobalKind::kDType, "a dtype");
    if (!dtype.dtype)
      throw DataError("{}: a tensor of {} is not supported", where, full_name(dtype));
    tensor.dtype = *dtype.dtype;
  }
  if (arguments.size() > metadata) refuse_lazy_bits(heap, arguments.any(metadata), where);
  const auto offset = static_cast<std::uint64_t>(arguments.count(1));
  tensor.shape = arguments.counts(2);
  tensor.strides = arguments.counts(3);
  check_geometry(tensor, offset, storage, where);
  tensor.begin = offset * size_of(tensor.dtype);
  tensor.size = *reached_elements(tensor.shape, tensor.strides) * size_of(tensor.dtype);
  if (is_contiguous(tensor.shape, tensor.strides)) tensor.strides.clear();
  heap.charge(sizeof tensor + 16 * tensor.shape.size(), where);
  heap.tensors.push_back(std::move(tensor));
  return index_value(Tag::kTensor, heap.tensors.size() - 1);
}

Value dict_of_pairs(PickleHeap& heap, const Arguments& arguments, const PicklePlace& where) {
  arguments.expect_count(0, 1);
  Node dict{NodeKind::kDict, 0, {}};
  if (arguments.size() == 1 && heap.is_node(arguments.any(0), NodeKind::kDict)) {
    dict.items = heap.nodes[arguments.any(0).index].items;
  } else if (arguments.size() == 1) {
    if (!heap.is_node(arguments.any(0), NodeKind::kList)) arguments.wrong(0, "a list of pairs");
    for (const auto pair : heap.nodes[arguments.any(0).index].items) {
      if (pair.tag != Tag::kNode || heap.nodes[pair.index].items.size() != 2)
        arguments.wrong(0, "a list of pairs");
      for (const auto item : heap.nodes[pair.index].items) heap.append(dict, item, where);
    }
  }
  return heap.add_node(std::move(dict), where);
}

/// A copy of a list's, tuple's or set's items.
Value copy_as(PickleHeap& heap, const Arguments& arguments, NodeKind kind,
              const PicklePlace& where) {
  arguments.expect_count(0, 1);
  Node node{kind, 0, {}};
  if (arguments.size() == 1) {
    const auto from = arguments.of(0, Tag::kNode, "a list");
    if (heap.nodes[from.index].kind == NodeKind::kDict) arguments.wrong(0, "a list");
    node.items = heap.nodes[from.index].items;
  }
  return heap.add_node(std::move(node), where);
}

const std::vector<Value>& tuple_items(const PickleHeap& heap, Value value, const char* what,
                                      const PicklePlace& where) {
  if (!heap.is_node(value, NodeKind::kTuple))
    throw DataError("{}: expected a tuple as {}, found {}", where, what, describe(heap, value));
  return heap.nodes[value.index].items;
}

Value call(PickleHeap& heap, std::uint32_t index, Value arguments_tuple, const PicklePlace& where,
           bool nested) {
  const auto& function = pickle_global(index);
  // A copy: the heap's tables move when something is added.
  const auto items = tuple_items(heap, arguments_tuple, "arguments", where);
  const Arguments arguments(heap, items, full_name(function), where);
  switch (function.kind) {
    case GlobalKind::kOrderedDict:
    case GlobalKind::kCounter:
      return dict_of_pairs(heap, arguments, where);
    case GlobalKind::kSet:
      return copy_as(heap, arguments, NodeKind::kSet, where);
    case GlobalKind::kSize:
      return copy_as(heap, arguments, NodeKind::kTuple, where);
    case GlobalKind::kRebuildTensor:
    case GlobalKind::kRebuildTensorV2:
    case GlobalKind::kRebuildTensorV3:
      return rebuild_tensor(heap, arguments, function.kind, where);
    case GlobalKind::kRebuildParameter:
      arguments.expect_count(3, 3);
      return arguments.of(0, Tag::kTensor, "a tensor");
    case GlobalKind::kRebuildParameterWithState:
      arguments.expect_count(4, 4);
      return arguments.of(0, Tag::kTensor, "a tensor");
    case GlobalKind::kRebuildFromType: {
      arguments.expect_count(4, 4);
      arguments.global(1, GlobalKind::kTensorType, "a tensor's type");
      if (nested) throw DataError("{}: {} inside another one", where, full_name(function));
      const auto inner = arguments.of(0, Tag::kGlobal, "a function that makes tensors");
      const auto made = call(heap, inner.index, arguments.any(2), where, true);
      if (made.tag != Tag::kTensor) arguments.wrong(0, "a function that makes tensors");
      return made;
    }
    case GlobalKind::kEncode:
      arguments.expect_count(1, 2);
      return index_value(Tag::kBytes, arguments.of(0, Tag::kString, "a string").index);
    case GlobalKind::kInert:
      return heap.add_node({NodeKind::kObject, index, items}, where);
    case GlobalKind::kTensorType:
    case GlobalKind::kStorageType:
    case GlobalKind::kDType:
      break;
  }
  throw DataError("{}: the global {} may be named, but not called", where, full_name(function));
}

}  // namespace

Value reduce(PickleHeap& heap, Value function, Value arguments, const PicklePlace& where) {
  if (function.tag != Tag::kGlobal)
    throw DataError("{}: expected a global to be called, found {}", where,
                    describe(heap, function));
  return call(heap, function.index, arguments, where, false);
}

Value new_object(PickleHeap& heap, Value type, Value arguments, const PicklePlace& where) {
  if (type.tag != Tag::kGlobal)
    throw DataError("{}: expected a class to be made, found {}", where, describe(heap, type));
  const auto kind = pickle_global(type.index).kind;
  const auto& items = tuple_items(heap, arguments, "a class's arguments", where);
  if (kind == GlobalKind::kOrderedDict && items.empty())
    return heap.add_node({NodeKind::kDict, 0, {}}, where);
  if (kind == GlobalKind::kInert) {
    auto copy = items;
    return heap.add_node({NodeKind::kObject, type.index, std::move(copy)}, where);
  }
  throw DataError("{}: expected a class that may be made, found {}", where, describe(heap, type));
}

void build(PickleHeap& heap, Value object, Value state, const PicklePlace& where) {
  if (object.tag == Tag::kNode) {
    auto& node = heap.nodes[object.index];
    // An OrderedDict's attributes (torch's _metadata: versions of modules) say nothing about it.
    if (node.kind == NodeKind::kDict) return;
    if (node.kind == NodeKind::kObject) return heap.append(node, state, where);
  }
  throw DataError("{}: expected a dict or an inert object to be given a state (BUILD), found {}",
                  where, describe(heap, object));
}

Value load_persistent(PickleHeap& heap, Value id, const PicklePlace& where) {
  const auto& items = tuple_items(heap, id, "a persistent id", where);
  if (items.empty() || items[0].tag != Tag::kString || heap.strings[items[0].index] != "storage")
    throw DataError("{}: expected a persistent id of a 'storage', found one of {}", where,
                    items.empty() ? "nothing" : describe(heap, items[0]));
  const Arguments arguments(heap, items, "a storage's id", where);
  arguments.expect_count(5, 6);
  const auto& type = arguments.global(1, GlobalKind::kStorageType, "a storage's type");
  if (!type.dtype) throw DataError("{}: a storage of {} is not supported", where, full_name(type));
  Storage storage;
  storage.dtype = *type.dtype;
  storage.untyped = type.name == "UntypedStorage";
  storage.key = heap.strings[arguments.of(2, Tag::kString, "a key").index];
  const auto bytes = [&](std::int64_t count) {
    const auto size = contiguous_bytes(storage.dtype, {count});
    if (!size) arguments.wrong(4, "a size below 2^63");
    return *size;
  };
  storage.size = bytes(arguments.count(4));
  storage.view_size = storage.size;
  if (arguments.size() == 6 && arguments.any(5).tag != Tag::kNone) {
    const Arguments view(heap, tuple_items(heap, arguments.any(5), "a storage's view", where),
                         "a storage's view", where);
    view.expect_count(3, 3);
    storage.view_begin = bytes(view.count(1));
    storage.view_size = bytes(view.count(2));
    if (storage.view_begin > storage.size || storage.view_size > storage.size - storage.view_begin)
      throw DataError("{}: expected a view within its storage of {} bytes", where, storage.size);
  }
  heap.charge(sizeof storage, where);
  heap.storages.push_back(storage);
  return index_value(Tag::kStorage, heap.storages.size() - 1);
}

}  // namespace vit::io
