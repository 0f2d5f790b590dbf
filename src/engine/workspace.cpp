#include "engine/workspace.h"

#include <chrono>

namespace vit::engine {
namespace {

/// The clock in seconds.
double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Workspace::Workspace(const Plan& plan, std::shared_ptr<const Geometry> geometry, int threads)
    : plan_(plan), geometry_(std::move(geometry)), batch_memory_(plan.buffers.size()) {
  const auto scratch = plan.scratch(*geometry_);
  for (int rank = 0; rank < threads; ++rank) {
    scratch_.emplace_back(scratch);
    solo_.push_back(std::make_unique<Group>());
    auto slot = std::make_unique<Slot>();
    slot->memory.resize(plan.buffers.size());
    slot->buffers.resize(plan.buffers.size());
    slots_.push_back(std::move(slot));
  }
  all_.reset(threads);
}

double Workspace::image_flops(const Demand& demand) const {
  double sum = 0.0;
  for (const auto& step : plan_.image_steps)
    if (step.wanted(demand)) sum += step.step->flops(*geometry_);
  return sum;
}

void Workspace::reserve_images(unsigned needs) {
  for (auto& slot : slots_)
    for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
      const auto& spec = plan_.buffers[i];
      const bool there = slot->memory[i].size() > 0;
      if (spec.scope != Scope::kImage || spec.alias >= 0 || there ||
          (spec.needs != 0 && (spec.needs & needs) == 0))
        continue;
      slot->memory[i] = FloatBuffer(plan_.size(spec, *geometry_, 1));
      slot->buffers[i] = slot->memory[i].data();
    }
}

void Workspace::bind_batch_buffers() {
  for (auto& slot : slots_)
    for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
      const auto& spec = plan_.buffers[i];
      if (spec.alias >= 0)
        slot->buffers[i] = slot->buffers[static_cast<std::size_t>(spec.alias)];
      else if (spec.scope == Scope::kBatch)
        slot->buffers[i] = batch_memory_[i].data();
    }
}

void Workspace::reserve(std::int64_t batch, unsigned needs) {
  if (capacity_ == 0 || (needs & ~needs_) != 0) {
    reserve_images(needs);
    needs_ |= needs;
  }
  if (batch > capacity_) {
    for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
      const auto& spec = plan_.buffers[i];
      if (spec.scope == Scope::kBatch && spec.alias < 0)
        batch_memory_[i] = FloatBuffer(plan_.size(spec, *geometry_, batch));
    }
    capacity_ = batch;
  }
  bind_batch_buffers();
}

void Workspace::start() { next_image_.store(0, std::memory_order_relaxed); }

/// One after the other; the group's threads meet after each.
void Workspace::run_steps(const std::vector<PlannedStep>& steps, const Demand& demand,
                          const Frame& frame, Events* events) const {
  const auto first = &steps == &plan_.image_steps ? 0 : plan_.image_steps.size();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!steps[i].wanted(demand)) continue;
    const double begin = events != nullptr ? now() : 0.0;
    steps[i].step->run(frame);
    frame.group->meet();
    if (events != nullptr)
      events->push_back({first + i, frame.image, frame.rank, begin, now() - begin});
  }
}

void Workspace::run_image(Frame frame, Slot& slot, const Call& call, std::int64_t image,
                          Events* events) const {
  frame.buffers = slot.buffers.data();
  frame.image = image;
  frame.input = call.images + image * call.image_size;
  run_steps(plan_.image_steps, call.demand, frame, events);
}

void Workspace::run(const Call& call, int rank, int count, Events* events) {
  const auto batch = call.batch;
  Frame frame;
  frame.isa = plan_.isa;
  frame.specs = &plan_.buffers;
  frame.batch = batch;
  frame.rank = rank;
  frame.geometry = geometry_.get();
  frame.want = call.want;
  frame.output = call.output;
  frame.observer = call.observer;
  frame.scratch = scratch_[static_cast<std::size_t>(rank)].data();
  auto& solo = *solo_[static_cast<std::size_t>(rank)];
  auto& all = count == 1 ? solo : all_;

  // Whole images for each thread, where images are shared as long as there is one for every thread.
  const auto whole = call.shared_images ? batch / count * count : batch, rest = batch - whole;
  frame.group = &solo;
  for (std::int64_t i; (i = next_image_.fetch_add(1, std::memory_order_relaxed)) < whole;)
    run_image(frame, *slots_[static_cast<std::size_t>(rank)], call, i, events);

  if (rest > 0) {
    // Each of the images that remain gets its share of the threads.
    const auto member = [&](int thread) { return thread * rest / count; };
    auto& slot = *slots_[static_cast<std::size_t>(member(rank))];
    if (rank == 0)
      for (std::int64_t i = 0; i < rest; ++i) {
        int size = 0;
        for (int thread = 0; thread < count; ++thread) size += member(thread) == i ? 1 : 0;
        slots_[static_cast<std::size_t>(i)]->group.reset(size);
      }
    all.meet();
    frame.group = &slot.group;
    run_image(frame, slot, call, whole + member(rank), events);
  }

  all.meet();
  frame.group = &all;
  frame.buffers = slots_[0]->buffers.data();
  frame.image = 0;
  run_steps(plan_.batch_steps, call.demand, frame, events);
}

}  // namespace vit::engine
