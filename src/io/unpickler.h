// The stack machine of Python's pickle (protocols 2 to 5), without anything that runs code.
// Opcodes: CPython's Lib/pickletools.py.
#pragma once

#include <array>
#include <vector>

#include "byte_reader.h"
#include "pickle_heap.h"

namespace vit::io {

/// A pickle's size at most; what is larger is no list of tensors.
inline constexpr std::size_t kMaxPickle = 32U << 20;

/// Reads one pickle from `reader`, up to and with its STOP. Strings stay views of the reader's
/// bytes. Throws DataError naming the opcode's offset.
class Unpickler {
 public:
  Unpickler(PickleHeap& heap, ByteReader& reader) : heap_(heap), reader_(reader) {}

  Value run();

 private:
  struct Opcodes;  // the table of handlers

  PicklePlace where() const { return {reader_.where(), opcode_at_}; }
  [[noreturn]] void fail(const std::string& expected, const std::string& found) const;

  void push(Value value);
  Value pop();
  Value& top();
  /// The stack above the last mark, taken off with it.
  std::vector<Value> pop_mark();
  Node& container(NodeKind kind, const char* name);

  void push_string(Tag tag, std::uint64_t size);
  void push_long(std::uint64_t size);
  void push_tuple(std::size_t size);
  void push_global(std::string_view module, std::string_view name);
  void push_global_from_stack();
  void refuse_instance();
  void append_items(const std::vector<Value>& items);
  void set_items(const std::vector<Value>& items);
  void memoize(std::size_t index);
  void recall(std::size_t index);
  void check_protocol();

  PickleHeap& heap_;
  ByteReader& reader_;
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;
  std::vector<Value> memo_;
  std::size_t memoized_ = 0;
  std::size_t opcode_at_ = 0;
  bool stopped_ = false;
};

}  // namespace vit::io
