#include "pickle_heap.h"

#include <array>
#include <ostream>

#include "pickle_globals.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

// A checkpoint of 10,000 tensors takes about a third of it.
constexpr std::size_t kBudget = 24U << 20;

}  // namespace

std::ostream& operator<<(std::ostream& out, const PicklePlace& place) {
  return out << place.pickle << ": pickle offset " << place.offset;
}

void PickleHeap::charge(std::size_t bytes, const PicklePlace& where) {
  used_ += bytes;
  if (used_ > kBudget)
    throw DataError("{}: expected objects of at most {} bytes of memory, found more", where,
                    kBudget);
}

Value PickleHeap::add_string(Tag tag, std::string_view text, const PicklePlace& where) {
  charge(sizeof(std::string_view), where);
  strings.push_back(text);
  return index_value(tag, strings.size() - 1);
}

Value PickleHeap::add_node(Node node, const PicklePlace& where) {
  charge(sizeof(Node) + 16 + node.items.size() * sizeof(Value), where);
  nodes.push_back(std::move(node));
  return index_value(Tag::kNode, nodes.size() - 1);
}

void PickleHeap::append(Node& node, Value value, const PicklePlace& where) {
  charge(sizeof(Value), where);
  node.items.push_back(value);
}

std::string describe(const PickleHeap& heap, Value value) {
  switch (value.tag) {
    case Tag::kUnset:
      return "nothing";
    case Tag::kNone:
      return "None";
    case Tag::kBool:
      return value.integer != 0 ? "True" : "False";
    case Tag::kInt:
      return std::to_string(value.integer);
    case Tag::kFloat:
      return "a float";
    case Tag::kString:
      return in_quotes(heap.strings[value.index]);
    case Tag::kBytes:
      return "bytes";
    case Tag::kBigInt:
      return "an integer beyond 64 bits";
    case Tag::kNode: {
      constexpr std::array<const char*, 5> kNames{"a list", "a tuple", "a dict", "a set",
                                                  "an object"};
      return kNames[static_cast<std::size_t>(heap.nodes[value.index].kind)];
    }
    case Tag::kGlobal:
      return "the global " + full_name(pickle_global(value.index));
    case Tag::kStorage:
      return "a storage";
    case Tag::kTensor:
      return "a tensor";
  }
  return "an unknown value";
}

}  // namespace vit::io
