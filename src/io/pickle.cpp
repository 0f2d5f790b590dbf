#include "vit/io/pickle.h"

#include <algorithm>

namespace vit::io {
namespace {

template <class T>
const T* pointee(const PickleValue& from) {
  const auto* pointer = std::get_if<std::shared_ptr<T>>(&from.value);
  return pointer == nullptr ? nullptr : pointer->get();
}

}  // namespace

const PickleDict* PickleValue::dict() const { return pointee<PickleDict>(*this); }
const PickleList* PickleValue::list() const { return pointee<PickleList>(*this); }
const std::string* PickleValue::string() const { return std::get_if<std::string>(&value); }
const TensorEntry* PickleValue::tensor() const { return pointee<TensorEntry>(*this); }
const PickleObject* PickleValue::object() const { return pointee<PickleObject>(*this); }

const PickleValue* PickleValue::find(std::string_view key) const {
  const auto* items = dict();
  if (items == nullptr) return nullptr;
  const auto place = std::find_if(items->begin(), items->end(), [&](const auto& item) {
    return item.first.string() != nullptr && *item.first.string() == key;
  });
  return place == items->end() ? nullptr : &place->second;
}

}  // namespace vit::io
