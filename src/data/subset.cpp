#include "vit/data/subset.h"

#include <algorithm>
#include <utility>

#include "vit/core/error.h"
#include "vit/data/sample.h"

namespace vit::data {
namespace {

class Subset : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<std::int64_t> indices)
      : whole_(std::move(whole)), indices_(std::move(indices)) {
    classes_ = whole_->classes();
    has_class_names_ = whole_->has_class_names();
    is_multi_label_ = whole_->is_multi_label();
  }

  std::int64_t size() const override { return std::ssize(indices_); }
  std::int64_t label(std::int64_t index) const override { return whole_->label(at(index)); }
  std::int64_t bytes_in_memory() const override { return whole_->bytes_in_memory(); }
  std::vector<std::int64_t> labels(std::int64_t index) const override {
    return whole_->labels(at(index));
  }
  std::string name(std::int64_t index) const override { return whole_->name(at(index)); }
  Image load(std::int64_t index) const override { return whole_->load(at(index)); }
  std::uint64_t fingerprint(std::int64_t index) const override {
    return whole_->fingerprint(at(index));
  }
  std::vector<std::filesystem::path> files() const override { return whole_->files(); }
  std::vector<std::int64_t> shard_sizes() const override {
    auto sizes = whole_->shard_sizes();
    if (!std::ranges::is_sorted(indices_)) return {};
    auto from = indices_.begin();
    std::int64_t end = 0;  // of the shard, in the whole
    for (auto& size : sizes) {
      end += size;
      const auto next = std::lower_bound(from, indices_.end(), end);
      size = next - from;
      from = next;
    }
    return sizes;
  }

 private:
  std::int64_t at(std::int64_t index) const { return indices_[static_cast<std::size_t>(index)]; }

  std::shared_ptr<const Dataset> whole_;
  std::vector<std::int64_t> indices_;
};

}  // namespace

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole,
                                      std::vector<std::int64_t> indices) {
  for (const auto index : indices)
    if (index < 0 || index >= whole->size())
      throw UsageError("subset: expected an image of 0 to {}, found {}", whole->size() - 1, index);
  return std::make_shared<Subset>(std::move(whole), std::move(indices));
}

Halves hold_out(const std::shared_ptr<const Dataset>& whole, std::int64_t count,
                std::uint64_t seed) {
  if (count < 1 || count >= whole->size())
    throw UsageError("holdout: expected 1 to {}, fewer than the images to train on, found {}",
                     whole->size() - 1, count);
  // The order of an epoch that no run comes to.
  auto order = shuffled(whole->size(), seed, UINT64_MAX);
  std::sort(order.begin(), order.begin() + count);
  std::sort(order.begin() + count, order.end());
  return {subset(whole, {order.begin() + count, order.end()}),
          subset(whole, {order.begin(), order.begin() + count})};
}

}  // namespace vit::data
