#include "pickle_result.h"

#include <algorithm>
#include <set>

#include "pickle_globals.h"
#include "text.h"
#include "vit/core/error.h"

namespace vit::io {
namespace {

constexpr std::size_t kMaxDepth = 64;
// Shared containers are made once, but whoever walks the result meets them again and again.
constexpr std::uint64_t kMaxVisits = 10'000'000;
constexpr std::size_t kMaxPickleText = 16U << 20;

class Maker {
 public:
  Maker(const PickleHeap& heap, const std::vector<ByteRange>& records, const std::string& where)
      : heap_(heap),
        records_(records),
        where_(where),
        nodes_(heap.nodes.size()),
        tensors_(heap.tensors.size()) {}

  PickleValue make(Value value) {
    switch (value.tag) {
      case Tag::kUnset:
      case Tag::kNone:
        return {};
      case Tag::kBool:
        return {value.integer != 0};
      case Tag::kInt:
        return {value.integer};
      case Tag::kFloat:
        return {value.real};
      case Tag::kString:
        return {text(value)};
      case Tag::kBytes:
        return object("bytes", {text(value)});
      case Tag::kBigInt:
        return object("int", {text(value)});
      case Tag::kGlobal:
        return object(full_name(pickle_global(value.index)), {});
      case Tag::kStorage:
        return object("torch.storage", {std::string(heap_.storages[value.index].key)});
      case Tag::kTensor:
        return tensor(value.index);
      case Tag::kNode:
        return node(value.index);
    }
    return {};
  }

 private:
  struct Made {
    PickleValue value;
    std::uint64_t visits = 0;  ///< of whoever walks it; 0: not made yet
    std::size_t height = 0;    ///< levels of containers, itself included
    bool open = false;         ///< being made: meeting it again closes a circle
  };

  static PickleValue object(std::string type, PickleValue state) {
    return {std::make_shared<PickleObject>(PickleObject{std::move(type), std::move(state)})};
  }

  std::string text(Value value) {
    const auto view = heap_.strings[value.index];
    text_ += view.size();
    if (text_ > kMaxPickleText)
      throw DataError("{}: expected at most {} bytes of text, found more", where_, kMaxPickleText);
    return std::string(view);
  }

  PickleValue tensor(std::uint32_t index) {
    auto& made = tensors_[index];
    if (made == nullptr) {
      const auto& from = heap_.tensors[index];
      const auto& storage = heap_.storages[from.storage];
      made = std::make_shared<TensorEntry>();
      made->dtype = from.dtype;
      made->shape = from.shape;
      made->strides = from.strides;
      made->data = records_[from.storage].part(storage.view_begin + from.begin, from.size);
    }
    return {made};
  }

  PickleValue node(std::uint32_t index) {
    auto& made = nodes_[index];
    if (made.open) throw DataError("{}: a container that contains itself", where_);
    if (made.visits == 0) {
      if (depth_ == kMaxDepth) too_deep();
      made.open = true;
      ++depth_;
      made.value = contents(heap_.nodes[index]);
      --depth_;
      made.open = false;
      measure(heap_.nodes[index], made);
    } else if (depth_ + made.height > kMaxDepth) {
      too_deep();
    }
    return made.value;
  }

  [[noreturn]] void too_deep() const {
    throw DataError("{}: expected containers nested at most {} deep, found more", where_,
                    kMaxDepth);
  }

  void measure(const Node& node, Made& made) const {
    made.visits = 1;
    made.height = 1;
    for (const auto item : node.items) {
      if (item.tag != Tag::kNode) {
        ++made.visits;
        continue;
      }
      made.visits += nodes_[item.index].visits;
      made.height = std::max(made.height, nodes_[item.index].height + 1);
      if (made.visits > kMaxVisits) break;
    }
    if (made.visits > kMaxVisits)
      throw DataError("{}: expected at most {} values, shared ones counted each time, found more",
                      where_, kMaxVisits);
  }

  PickleValue contents(const Node& node) {
    if (node.kind == NodeKind::kDict) return dict(node.items);
    auto list = std::make_shared<PickleList>();
    list->reserve(node.items.size());
    for (const auto item : node.items) list->push_back(make(item));
    if (node.kind != NodeKind::kObject) return {std::move(list)};
    // A namespace's state alone is of interest; others keep their arguments, then their state.
    const bool state_alone = list->size() == 1 && list->front().dict() != nullptr;
    auto state = state_alone ? list->front() : PickleValue{std::move(list)};
    return object(full_name(pickle_global(node.global)), std::move(state));
  }

  PickleValue dict(const std::vector<Value>& items) {
    auto result = std::make_shared<PickleDict>();
    result->reserve(items.size() / 2);
    std::set<std::string_view> keys;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      const auto key = items[i];
      const bool hashable = key.tag != Tag::kTensor &&
                            (key.tag != Tag::kNode || heap_.is_node(key, NodeKind::kTuple));
      if (!hashable)
        throw DataError("{}: expected a dict's keys to be strings or numbers, found {}", where_,
                        describe(heap_, key));
      if (key.tag == Tag::kString && !keys.insert(heap_.strings[key.index]).second)
        throw DataError("{}: key {} is there twice", where_, describe(heap_, key));
      auto made_key = make(key);
      result->emplace_back(std::move(made_key), make(items[i + 1]));
    }
    return {std::move(result)};
  }

  const PickleHeap& heap_;
  const std::vector<ByteRange>& records_;
  const std::string& where_;
  std::vector<Made> nodes_;
  std::vector<std::shared_ptr<TensorEntry>> tensors_;
  std::size_t depth_ = 0;
  std::size_t text_ = 0;
};

}  // namespace

PickleValue make_result(const PickleHeap& heap, Value root, const std::vector<ByteRange>& records,
                        const std::string& where) {
  return Maker(heap, records, where).make(root);
}

}  // namespace vit::io
