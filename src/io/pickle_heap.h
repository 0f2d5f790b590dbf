// What an unpickler has made so far: flat tables of small values that name each other by index, so
// that nothing a pickle nests is nested here, and a budget for all of it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "vit/io/tensor_table.h"

namespace vit::io {

enum class Tag : std::uint8_t {
  kUnset,  ///< a memo slot that nothing was put into
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,   ///< index into strings
  kBytes,    ///< index into strings
  kBigInt,   ///< index into strings: little-endian two's complement
  kNode,     ///< index into nodes
  kGlobal,   ///< index into the allow-list
  kStorage,  ///< index into storages
  kTensor,   ///< index into tensors
};

struct Value {
  Tag tag = Tag::kUnset;
  std::uint32_t index = 0;
  union {
    std::int64_t integer = 0;
    double real;
  };
};

enum class NodeKind : std::uint8_t { kList, kTuple, kDict, kSet, kObject };

struct Node {
  NodeKind kind = NodeKind::kList;
  std::uint32_t global = 0;  ///< an object's class, as index into the allow-list
  std::vector<Value> items;  ///< a dict's keys and values in turn; an object's arguments, state
};

/// A storage that a persistent id names. Sizes in bytes.
struct Storage {
  std::string_view key;
  DType dtype = DType::kU8;
  bool untyped = false;
  std::uint64_t size = 0;        ///< of the record under `key`
  std::uint64_t view_begin = 0;  ///< of the part that is looked at
  std::uint64_t view_size = 0;
};

/// A tensor whose geometry was checked against its storage.
struct PickledTensor {
  std::uint32_t storage = 0;
  DType dtype = DType::kF32;
  std::uint64_t begin = 0;  ///< bytes into the storage's view
  std::uint64_t size = 0;   ///< bytes that shape and strides reach
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

/// Where in a pickle an opcode stands. An error's text is made of it; the millions of opcodes that
/// are right cost no text.
struct PicklePlace {
  const std::string& pickle;  ///< the file and its member
  std::size_t offset = 0;
};
std::ostream& operator<<(std::ostream& out, const PicklePlace& place);

class PickleHeap {
 public:
  std::vector<std::string_view> strings;
  std::vector<Node> nodes;
  std::vector<Storage> storages;
  std::vector<PickledTensor> tensors;

  /// Counts memory that is about to be taken. Throws DataError past the budget.
  void charge(std::size_t bytes, const PicklePlace& where);

  Value add_string(Tag tag, std::string_view text, const PicklePlace& where);
  Value add_node(Node node, const PicklePlace& where);
  void append(Node& node, Value value, const PicklePlace& where);

  bool is_node(Value value, NodeKind kind) const {
    return value.tag == Tag::kNode && nodes[value.index].kind == kind;
  }

 private:
  std::size_t used_ = 0;
};

inline Value none_value() { return {Tag::kNone, 0, {0}}; }
inline Value integer_value(Tag tag, std::int64_t integer) { return {tag, 0, {integer}}; }
inline Value index_value(Tag tag, std::size_t index) {
  return {tag, static_cast<std::uint32_t>(index), {0}};
}

/// What a value is, for messages: "a tuple", "the global torch.Size".
std::string describe(const PickleHeap& heap, Value value);

}  // namespace vit::io
