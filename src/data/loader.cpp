#include "vit/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

#include "vit/core/error.h"
#include "vit/core/threads.h"

namespace vit::data {
struct Loader::State {
  /// A batch in the making.
  struct Slot {
    Batch batch;
    std::int64_t number = 0;      // of the pass
    std::int64_t handed_out = 0;  // samples taken by workers
    std::int64_t finished = 0;
    std::exception_ptr failure;  // of the first sample that failed
    std::int64_t failed_at = 0;

    std::int64_t size() const { return static_cast<std::int64_t>(batch.indices.size()); }
  };

  std::shared_ptr<const Dataset> dataset;
  SampleTransform transform;
  std::vector<std::int64_t> indices;
  LoaderOptions options;

  std::mutex mutex;
  std::condition_variable work_ready;   // a slot has samples to hand out, or stopping
  std::condition_variable batch_ready;  // the front slot is finished
  std::deque<std::unique_ptr<Slot>> slots;
  std::int64_t next_number = 0;
  bool stopping = false;
  std::vector<std::thread> workers;

  // Here, not in ~Loader, which does not run where the constructor could not start a worker.
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work_ready.notify_all();
    for (auto& worker : workers) worker.join();
  }

  std::int64_t num_batches() const {
    const auto n = static_cast<std::int64_t>(indices.size());
    return options.drop_last ? n / options.batch_size
                             : (n + options.batch_size - 1) / options.batch_size;
  }

  std::unique_ptr<Slot> make_slot(std::int64_t number) const {
    auto slot = std::make_unique<Slot>();
    slot->number = number;
    const auto begin = number * options.batch_size;
    const auto end =
        std::min(begin + options.batch_size, static_cast<std::int64_t>(indices.size()));
    auto& batch = slot->batch;
    batch.indices.assign(indices.begin() + begin, indices.begin() + end);
    batch.images = Array({end - begin, options.channels, options.size[0], options.size[1]});
    for (const auto index : batch.indices) batch.labels.push_back(dataset->label(index));
    if (options.keep_errors) batch.errors.resize(batch.indices.size());
    return slot;
  }

  /// Keeps `prefetch` batches going.
  void fill() {
    while (static_cast<std::int64_t>(slots.size()) < options.prefetch &&
           next_number < num_batches())
      slots.push_back(make_slot(next_number++));
  }

  /// Sample `i` of a batch. Never throws: says what it met in the slot.
  void make_sample(Slot& slot, std::int64_t i) {
    const auto out = slot.batch.images.row(i);
    const auto index = slot.batch.indices[static_cast<std::size_t>(i)];
    try {
      const auto position = static_cast<std::size_t>(slot.number * options.batch_size + i);
      const auto stream =
          options.streams.empty() ? static_cast<std::uint64_t>(index) : options.streams[position];
      Random random(options.seed, options.epoch, stream);
      transform(dataset->load(index), random, out);
    } catch (const Error& error) {
      keep_failure(slot, i, out, error.what(), named(error, index));
    } catch (const std::exception& error) {
      keep_failure(slot, i, out, error.what(), std::current_exception());
    }
  }

  /// The error with the image's name, where it does not say it yet.
  std::exception_ptr named(const Error& error, std::int64_t index) const {
    const auto name = dataset->name(index);
    const std::string what = error.what();
    if (what.find(name) != std::string::npos) return std::current_exception();
    return std::make_exception_ptr(Error(error.kind(), name + ": " + what));
  }

  void keep_failure(Slot& slot, std::int64_t i, std::span<float> out, const char* message,
                    std::exception_ptr failure) {
    std::fill(out.begin(), out.end(), 0.0F);
    const std::lock_guard lock(mutex);
    if (options.keep_errors) {
      slot.batch.errors[static_cast<std::size_t>(i)] = message;
    } else if (!slot.failure || i < slot.failed_at) {
      // The first of the batch, whichever worker was faster.
      slot.failure = failure;
      slot.failed_at = i;
    }
  }

  /// The oldest slot with samples left, or null.
  Slot* open_slot() {
    for (auto& slot : slots)
      if (slot->handed_out < slot->size()) return slot.get();
    return nullptr;
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      Slot* slot = nullptr;
      work_ready.wait(lock, [&] { return stopping || (slot = open_slot()) != nullptr; });
      if (stopping) return;
      // Small images in handfuls: a lock for each would cost more than the image.
      constexpr std::int64_t kHandful = 1 << 17;
      const auto numel = options.channels * options.size[0] * options.size[1];
      const auto begin = slot->handed_out;
      const auto end = std::min(begin + std::max<std::int64_t>(1, kHandful / numel), slot->size());
      slot->handed_out = end;
      lock.unlock();
      for (auto i = begin; i < end; ++i) make_sample(*slot, i);
      lock.lock();
      slot->finished += end - begin;
      if (slot->finished == slot->size()) batch_ready.notify_all();
    }
  }

  /// The front slot, finished; null at the end.
  std::unique_ptr<Slot> take() {
    std::unique_lock lock(mutex);
    fill();
    if (slots.empty()) return nullptr;
    work_ready.notify_all();
    if (workers.empty()) {
      auto slot = std::move(slots.front());
      slots.pop_front();
      lock.unlock();
      for (std::int64_t i = 0; i < slot->size(); ++i) make_sample(*slot, i);
      return slot;
    }
    batch_ready.wait(lock, [&] { return slots.front()->finished == slots.front()->size(); });
    auto slot = std::move(slots.front());
    slots.pop_front();
    // The workers go on while the caller uses this batch.
    fill();
    work_ready.notify_all();
    return slot;
  }
};

Loader::Loader(std::shared_ptr<const Dataset> dataset, SampleTransform transform,
               std::vector<std::int64_t> indices, LoaderOptions options)
    : state_(std::make_unique<State>()) {
  if (options.batch_size < 1)
    throw UsageError("batch size: expected at least 1, found {}", options.batch_size);
  if (options.workers < 0 || options.workers > 1024)
    throw UsageError("workers: expected 0 to 1024, found {}", options.workers);
  if (!options.streams.empty() && options.streams.size() != indices.size())
    throw UsageError("streams: expected {}, found {}", indices.size(), options.streams.size());
  for (const auto index : indices)
    if (index < 0 || index >= dataset->size())
      throw UsageError("sample {} of a data set of {}", index, dataset->size());
  if (options.prefetch < 0)
    throw UsageError("prefetch: expected at least 0, found {}", options.prefetch);
  // Two samples a worker and two batches beside them.
  if (options.prefetch == 0)
    options.prefetch = 2 + (2 * options.workers + options.batch_size - 1) / options.batch_size;
  if (options.workers == 0) options.prefetch = 1;
  state_->dataset = std::move(dataset);
  state_->transform = std::move(transform);
  state_->indices = std::move(indices);
  state_->next_number = options.start_batch;
  state_->options = std::move(options);
  state_->fill();
  for (std::int64_t i = 0; i < state_->options.workers; ++i)
    state_->workers.push_back(start_thread([state = state_.get()] { state->work(); }));
}

Loader::~Loader() = default;

std::optional<Batch> Loader::next() {
  auto slot = state_->take();
  if (!slot) return std::nullopt;
  if (slot->failure) std::rethrow_exception(slot->failure);
  return std::move(slot->batch);
}

std::int64_t Loader::num_batches() const { return state_->num_batches(); }

std::vector<std::int64_t> in_order(std::int64_t n) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed, std::uint64_t epoch) {
  auto indices = in_order(n);
  // A stream that no sample has.
  Random random(seed, epoch, UINT64_MAX);
  for (auto i = indices.size(); i > 1; --i) std::swap(indices[i - 1], indices[random.below(i)]);
  return indices;
}

}  // namespace vit::data
