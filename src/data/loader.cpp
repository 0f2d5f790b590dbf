#include "vit/data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "vit/core/error.h"
#include "vit/core/threads.h"

namespace vit::data {
namespace {

using LoadClock = std::chrono::steady_clock;

void load_sample(Sample& sample, std::span<float> chw, bool keep_image, LoadedSample& loaded) {
  const auto begin = LoadClock::now();
  try {
    sample.load(chw, keep_image ? &loaded.image : nullptr);
  } catch (...) {
    loaded.error = std::current_exception();
    std::fill(chw.begin(), chw.end(), 0.0F);
  }
  sample.load = nullptr;  // with what it holds
  loaded.load_seconds = std::chrono::duration<double>(LoadClock::now() - begin).count();
}

}  // namespace

class Loader::State {
 public:
  State(std::unique_ptr<SampleSource> source, LoaderOptions options)
      : source_(std::move(source)), options_(std::move(options)) {}

  // Here, not in ~Loader, which does not run where the constructor could not start a thread.
  ~State() {
    {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      source_->cancel();
    }
    wake_all();
    for (auto& thread : threads_) thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void start() {
    if (options_.workers == 0) return;
    for (std::int64_t i = 0; i < options_.workers; ++i)
      threads_.push_back(start_thread([this] { work(); }));
    threads_.push_back(start_thread([this] { read(); }));
  }

  std::optional<Batch> next() {
    auto slot = threads_.empty() ? make_here() : take();
    if (!slot) return std::nullopt;
    slot->batch.images.keep_rows(slot->drawn);
    slot->batch.samples.resize(static_cast<std::size_t>(slot->drawn));
    return std::move(slot->batch);
  }

  bool stopped() const { return stopped_; }

 private:
  /// A batch in the making.
  struct Slot {
    // Both have batch_size places from the start: no worker meets a vector that grows.
    Batch batch;
    std::vector<Sample> samples;
    std::int64_t drawn = 0;       // places that are filled
    std::int64_t handed_out = 0;  // samples taken by workers
    std::int64_t loaded = 0;
    bool full = false;  // no more samples are drawn for it

    bool ready() const { return full && loaded == drawn; }
  };

  std::unique_ptr<Slot> make_slot() const {
    auto slot = std::make_unique<Slot>();
    const auto [c, h, w] = options_.shape;
    try {
      slot->batch.images = Array({options_.batch_size, c, h, w});
    } catch (const IoError& error) {
      throw IoError("{}, for a batch of {} samples of {} × {} × {}", error.what(),
                    options_.batch_size, c, h, w);
    }
    slot->samples.resize(static_cast<std::size_t>(options_.batch_size));
    slot->batch.samples.resize(static_cast<std::size_t>(options_.batch_size));
    return slot;
  }

  static void add(Slot& slot, Sample sample) {
    const auto at = static_cast<std::size_t>(slot.drawn);
    auto& loaded = slot.batch.samples[at];
    loaded.name = sample.name;
    loaded.label = sample.label;
    loaded.labels = sample.labels;
    loaded.index = sample.index;
    slot.samples[at] = std::move(sample);
    ++slot.drawn;
  }

  void load(Slot& slot, std::int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    load_sample(slot.samples[at], slot.batch.images.row(i), options_.keep_images,
                slot.batch.samples[at]);
  }

  /// None at the end, which an error is too: the samples before it come first.
  std::optional<Sample> draw() {
    try {
      return source_->next();
    } catch (...) {
      source_error_ = std::current_exception();
      return std::nullopt;
    }
  }

  /// Without threads.
  std::unique_ptr<Slot> make_here() {
    std::unique_ptr<Slot> slot;
    while (!finished_ && !stopping() && (!slot || slot->drawn < options_.batch_size)) {
      auto sample = draw();
      if (!sample) {
        finished_ = true;
        break;
      }
      if (!slot) slot = make_slot();
      add(*slot, std::move(*sample));
      load(*slot, slot->drawn - 1);
    }
    if (slot && !stopping()) return slot;
    if (source_error_ && !stopping()) std::rethrow_exception(source_error_);
    return nullptr;
  }

  /// The thread that draws: keeps `prefetch` batches in the making.
  void read() {
    std::unique_lock lock(mutex_);
    try {
      while (!finished_) {
        room_.wait(lock, [this] { return cancelled_ || std::ssize(slots_) < options_.prefetch; });
        if (cancelled_) break;
        fill_slot(lock);
      }
    } catch (...) {
      source_error_ = std::current_exception();
      if (!lock) lock.lock();
    }
    if (!slots_.empty()) slots_.back()->full = true;
    finished_ = true;
    wake_all();
  }

  void fill_slot(std::unique_lock<std::mutex>& lock) {
    Slot* slot = nullptr;
    while (slot == nullptr || slot->drawn < options_.batch_size) {
      lock.unlock();
      auto sample = draw();
      std::unique_ptr<Slot> made;
      if (sample && slot == nullptr) made = make_slot();
      lock.lock();
      if (!sample) {
        finished_ = true;
        return;
      }
      if (made) {
        slot = made.get();
        slots_.push_back(std::move(made));
      }
      add(*slot, std::move(*sample));
      work_ready_.notify_one();
    }
    slot->full = true;
    if (slot->ready()) batch_ready_.notify_all();
  }

  /// The oldest slot with samples left, or null.
  Slot* open_slot() {
    for (auto& slot : slots_)
      if (slot->handed_out < slot->drawn) return slot.get();
    return nullptr;
  }

  void work() {
    // Small images in handfuls: a lock for each would cost more than the image.
    constexpr std::int64_t kHandful = 1 << 17;
    const auto [c, h, w] = options_.shape;
    const auto handful = std::max<std::int64_t>(1, kHandful / std::max<std::int64_t>(1, c * h * w));
    std::unique_lock lock(mutex_);
    while (true) {
      Slot* slot = nullptr;
      work_ready_.wait(lock, [&] { return cancelled_ || (slot = open_slot()) != nullptr; });
      if (cancelled_) return;
      const auto begin = slot->handed_out;
      const auto end = std::min(begin + handful, slot->drawn);
      slot->handed_out = end;
      lock.unlock();
      for (auto i = begin; i < end && !cancelled_; ++i) load(*slot, i);
      lock.lock();
      slot->loaded += end - begin;
      if (slot->ready()) batch_ready_.notify_all();
    }
  }

  /// The front slot, loaded; null at the end or when stopping.
  std::unique_ptr<Slot> take() {
    using namespace std::chrono_literals;
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return slots_.empty() ? finished_ : slots_.front()->ready(); };
    // A signal does not wake a condition variable: look now and then.
    while (!batch_ready_.wait_for(lock, 50ms, ready))
      if (stopping()) return nullptr;
    if (stopping()) return nullptr;
    if (slots_.empty()) {
      if (source_error_) std::rethrow_exception(source_error_);
      return nullptr;
    }
    auto slot = std::move(slots_.front());
    slots_.pop_front();
    room_.notify_all();
    return slot;
  }

  /// Once true, always true.
  bool stopping() {
    stopped_ = stopped_ || (options_.stopping && options_.stopping());
    return stopped_;
  }

  void wake_all() {
    work_ready_.notify_all();
    batch_ready_.notify_all();
    room_.notify_all();
  }

  std::unique_ptr<SampleSource> source_;
  LoaderOptions options_;

  std::mutex mutex_;
  std::condition_variable work_ready_;       // a slot has samples to hand out
  std::condition_variable batch_ready_;      // the front slot is loaded, or there is no more
  std::condition_variable room_;             // for another slot
  std::deque<std::unique_ptr<Slot>> slots_;  // oldest first
  bool finished_ = false;                    // the source has no more
  std::atomic<bool> cancelled_ = false;
  bool stopped_ = false;  // of the thread that takes the batches
  std::exception_ptr source_error_;
  std::vector<std::thread> threads_;
};

std::int64_t default_prefetch(std::int64_t workers, std::int64_t batch_size) {
  // Two samples a worker and two batches beside them.
  return 2 + (2 * workers + batch_size - 1) / batch_size;
}

std::vector<std::int64_t> Batch::labels() const {
  std::vector<std::int64_t> labels;
  labels.reserve(samples.size());
  for (const auto& sample : samples) labels.push_back(sample.label);
  return labels;
}

Loader::Loader(std::unique_ptr<SampleSource> source, LoaderOptions options) {
  if (options.batch_size < 1)
    throw UsageError("batch size: expected at least 1, found {}", options.batch_size);
  if (options.workers < 0 || options.workers > 1024)
    throw UsageError("workers: expected 0 to 1024, found {}", options.workers);
  if (options.prefetch < 0)
    throw UsageError("prefetch: expected at least 0, found {}", options.prefetch);
  if (options.prefetch == 0)
    options.prefetch = default_prefetch(options.workers, options.batch_size);
  state_ = std::make_unique<State>(std::move(source), std::move(options));
  state_->start();
}

Loader::~Loader() = default;

std::optional<Batch> Loader::next() { return state_->next(); }

bool Loader::stopped() const { return state_->stopped(); }

bool is_bad_sample(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& bad) {
    return bad.kind() == ErrorKind::kData || bad.kind() == ErrorKind::kIo;
  } catch (...) {
    return false;
  }
}

void check_samples(const Batch& batch) {
  for (const auto& sample : batch.samples)
    if (sample.error) std::rethrow_exception(sample.error);
}

}  // namespace vit::data
