#include "unpickler.h"

#include <algorithm>

#include "pickle_calls.h"
#include "pickle_globals.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kMaxStack = 1U << 18;
constexpr std::size_t kMaxMarks = 1U << 12;
constexpr std::size_t kMaxMemo = 1U << 20;
constexpr int kMaxProtocol = 5;

}  // namespace

/// One handler an opcode.
struct Unpickler::Opcodes {
  using Handler = void (*)(Unpickler&);

  static std::array<Handler, 256> make() {
    std::array<Handler, 256> t{};
    using U = Unpickler;
    // Constants and numbers.
    t['N'] = [](U& u) { u.push(none_value()); };
    t[0x88] = [](U& u) { u.push(integer_value(Tag::kBool, 1)); };
    t[0x89] = [](U& u) { u.push(integer_value(Tag::kBool, 0)); };
    t['J'] = [](U& u) { u.push(integer_value(Tag::kInt, u.reader_.le<std::int32_t>())); };
    t['K'] = [](U& u) { u.push(integer_value(Tag::kInt, u.reader_.le<std::uint8_t>())); };
    t['M'] = [](U& u) { u.push(integer_value(Tag::kInt, u.reader_.le<std::uint16_t>())); };
    t[0x8A] = [](U& u) { u.push_long(u.reader_.le<std::uint8_t>()); };
    t[0x8B] = [](U& u) {
      const auto size = u.reader_.le<std::int32_t>();
      if (size < 0) u.fail("a size that is not negative (LONG4)", std::to_string(size));
      u.push_long(static_cast<std::uint64_t>(size));
    };
    t['G'] = [](U& u) {
      Value value{Tag::kFloat, 0, {0}};
      value.real = u.reader_.be<double>();
      u.push(value);
    };
    // Strings.
    t['X'] = [](U& u) { u.push_string(Tag::kString, u.reader_.le<std::uint32_t>()); };
    t[0x8C] = [](U& u) { u.push_string(Tag::kString, u.reader_.le<std::uint8_t>()); };
    t[0x8D] = [](U& u) { u.push_string(Tag::kString, u.reader_.le<std::uint64_t>()); };
    t['T'] = [](U& u) { u.push_string(Tag::kString, u.reader_.le<std::uint32_t>()); };
    t['U'] = [](U& u) { u.push_string(Tag::kString, u.reader_.le<std::uint8_t>()); };
    t['B'] = [](U& u) { u.push_string(Tag::kBytes, u.reader_.le<std::uint32_t>()); };
    t['C'] = [](U& u) { u.push_string(Tag::kBytes, u.reader_.le<std::uint8_t>()); };
    t[0x8E] = [](U& u) { u.push_string(Tag::kBytes, u.reader_.le<std::uint64_t>()); };
    // Containers.
    t['('] = [](U& u) {
      if (u.marks_.size() == kMaxMarks) u.fail(format("at most {} marks", kMaxMarks), "more");
      u.marks_.push_back(u.stack_.size());
    };
    t[']'] = [](U& u) { u.push(u.heap_.add_node({NodeKind::kList, 0, {}}, u.where())); };
    t['}'] = [](U& u) { u.push(u.heap_.add_node({NodeKind::kDict, 0, {}}, u.where())); };
    t[0x8F] = [](U& u) { u.push(u.heap_.add_node({NodeKind::kSet, 0, {}}, u.where())); };
    t[')'] = [](U& u) { u.push_tuple(0); };
    t[0x85] = [](U& u) { u.push_tuple(1); };
    t[0x86] = [](U& u) { u.push_tuple(2); };
    t[0x87] = [](U& u) { u.push_tuple(3); };
    t['t'] = [](U& u) { u.push(u.heap_.add_node({NodeKind::kTuple, 0, u.pop_mark()}, u.where())); };
    t['l'] = [](U& u) { u.push(u.heap_.add_node({NodeKind::kList, 0, u.pop_mark()}, u.where())); };
    t[0x91] = [](U& u) { u.push(u.heap_.add_node({NodeKind::kSet, 0, u.pop_mark()}, u.where())); };
    t['a'] = [](U& u) { u.append_items({u.pop()}); };
    t['e'] = [](U& u) { u.append_items(u.pop_mark()); };
    t['s'] = [](U& u) {
      const auto value = u.pop();
      u.set_items({u.pop(), value});
    };
    t['u'] = [](U& u) { u.set_items(u.pop_mark()); };
    t[0x90] = [](U& u) {
      const auto items = u.pop_mark();
      auto& set = u.container(NodeKind::kSet, "a set");
      for (const auto item : items) u.heap_.append(set, item, u.where());
    };
    // Stack and memo.
    t['0'] = [](U& u) { u.pop(); };
    t['1'] = [](U& u) { u.pop_mark(); };
    t['2'] = [](U& u) { u.push(u.top()); };
    t['q'] = [](U& u) { u.memoize(u.reader_.le<std::uint8_t>()); };
    t['r'] = [](U& u) { u.memoize(u.reader_.le<std::uint32_t>()); };
    t[0x94] = [](U& u) { u.memoize(u.memoized_); };
    t['h'] = [](U& u) { u.recall(u.reader_.le<std::uint8_t>()); };
    t['j'] = [](U& u) { u.recall(u.reader_.le<std::uint32_t>()); };
    // Globals and what is made with them.
    t['c'] = [](U& u) {
      const auto module = u.reader_.line();
      u.push_global(module, u.reader_.line());
    };
    t[0x93] = [](U& u) { u.push_global_from_stack(); };
    t['i'] = [](U& u) { u.refuse_instance(); };
    t['R'] = [](U& u) {
      const auto arguments = u.pop();
      const auto function = u.pop();
      u.push(reduce(u.heap_, function, arguments, u.where()));
    };
    t[0x81] = [](U& u) {
      const auto arguments = u.pop();
      const auto type = u.pop();
      u.push(new_object(u.heap_, type, arguments, u.where()));
    };
    t['b'] = [](U& u) {
      const auto state = u.pop();
      build(u.heap_, u.top(), state, u.where());
    };
    t['Q'] = [](U& u) { u.push(load_persistent(u.heap_, u.pop(), u.where())); };
    // The frame.
    t[0x80] = [](U& u) { u.check_protocol(); };
    t[0x95] = [](U& u) {
      const auto size = u.reader_.le<std::uint64_t>();
      if (size > u.reader_.left()) u.fail("a frame within the pickle", format("{} bytes", size));
    };
    t['.'] = [](U& u) { u.stopped_ = true; };
    return t;
  }
};

Value Unpickler::run() {
  static const auto handlers = Opcodes::make();
  stack_.clear();
  marks_.clear();
  memo_.clear();
  memoized_ = 0;
  for (stopped_ = false; !stopped_;) {
    opcode_at_ = reader_.offset();
    if (reader_.left() == 0) fail("a STOP opcode", "the end");
    if (opcode_at_ > kMaxPickle) fail(format("a pickle of at most {} bytes", kMaxPickle), "more");
    const auto opcode = reader_.le<std::uint8_t>();
    if (handlers[opcode] == nullptr)
      fail("an opcode that torch.save writes", format("byte {}", int{opcode}));
    handlers[opcode](*this);
  }
  const auto result = pop();
  if (!stack_.empty() || !marks_.empty()) fail("one object", "more on the stack");
  return result;
}

void Unpickler::fail(const std::string& expected, const std::string& found) const {
  throw DataError("{}: expected {}, found {}", where(), expected, found);
}

void Unpickler::push(Value value) {
  if (stack_.size() == kMaxStack)
    fail(format("at most {} objects on the stack", kMaxStack), "more");
  stack_.push_back(value);
}

Value& Unpickler::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    fail("an object on the stack", "none (stack underflow)");
  return stack_.back();
}

Value Unpickler::pop() {
  const auto value = top();
  stack_.pop_back();
  return value;
}

std::vector<Value> Unpickler::pop_mark() {
  if (marks_.empty()) fail("a mark on the stack", "none (stack underflow)");
  const auto start = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Value> items(start, stack_.end());
  stack_.erase(start, stack_.end());
  marks_.pop_back();
  return items;
}

Node& Unpickler::container(NodeKind kind, const char* name) {
  const auto value = top();
  if (!heap_.is_node(value, kind)) fail(name, describe(heap_, value));
  return heap_.nodes[value.index];
}

void Unpickler::push_string(Tag tag, std::uint64_t size) {
  const auto text = as_text(reader_.take(size));
  if (tag == Tag::kString && !is_utf8(text)) fail("a string in UTF-8", in_quotes(text));
  push(heap_.add_string(tag, text, where()));
}

void Unpickler::push_long(std::uint64_t size) {
  const auto bytes = reader_.take(size);
  if (size > 8) return push(heap_.add_string(Tag::kBigInt, as_text(bytes), where()));
  std::array<std::byte, 8> wide{};
  const bool negative = size > 0 && (bytes.back() & std::byte{0x80}) != std::byte{0};
  wide.fill(negative ? std::byte{0xFF} : std::byte{0});
  std::copy(bytes.begin(), bytes.end(), wide.begin());
  push(integer_value(Tag::kInt, load_le<std::int64_t>(wide.data())));
}

void Unpickler::push_tuple(std::size_t size) {
  std::vector<Value> items(size);
  for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
  push(heap_.add_node({NodeKind::kTuple, 0, std::move(items)}, where()));
}

void Unpickler::push_global(std::string_view module, std::string_view name) {
  const auto index = find_pickle_global(module, name);
  if (!index)
    throw DataError("{}: the global {} is not on the list of what a file of weights may name",
                    where(), in_quotes(std::string(module) + "." + std::string(name)));
  push(index_value(Tag::kGlobal, *index));
}

void Unpickler::push_global_from_stack() {
  const auto name = pop();
  const auto module = pop();
  if (name.tag != Tag::kString || module.tag != Tag::kString)
    fail("two strings that name a global", describe(heap_, module) + ", " + describe(heap_, name));
  push_global(heap_.strings[module.index], heap_.strings[name.index]);
}

void Unpickler::refuse_instance() {
  const auto module = reader_.line();
  fail("no INST opcode",
       "one of " + in_quotes(std::string(module) + "." + std::string(reader_.line())));
}

void Unpickler::append_items(const std::vector<Value>& items) {
  auto& list = container(NodeKind::kList, "a list to append to");
  for (const auto item : items) heap_.append(list, item, where());
}

void Unpickler::set_items(const std::vector<Value>& items) {
  auto& dict = container(NodeKind::kDict, "a dict to put items into");
  if (items.size() % 2 != 0) fail("keys and values in pairs", format("{} objects", items.size()));
  for (const auto item : items) heap_.append(dict, item, where());
}

void Unpickler::memoize(std::size_t index) {
  if (index >= kMaxMemo) fail(format("a memo index below {}", kMaxMemo), std::to_string(index));
  const auto value = top();
  if (index >= memo_.size()) {
    heap_.charge((index + 1 - memo_.size()) * sizeof(Value), where());
    memo_.resize(index + 1);
  }
  if (memo_[index].tag == Tag::kUnset) ++memoized_;
  memo_[index] = value;
}

void Unpickler::recall(std::size_t index) {
  if (index >= memo_.size() || memo_[index].tag == Tag::kUnset)
    fail("a memo index that was set", std::to_string(index));
  push(memo_[index]);
}

void Unpickler::check_protocol() {
  const int protocol = reader_.le<std::uint8_t>();
  if (protocol < 2 || protocol > kMaxProtocol)
    fail("pickle protocol 2 to 5", std::to_string(protocol));
}

}  // namespace vit::io
