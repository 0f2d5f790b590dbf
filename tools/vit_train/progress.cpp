#include "progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>

namespace vit::tools {
namespace {

using Clock = std::chrono::steady_clock;

// Often enough to look alive, seldom enough to cost nothing and to keep a log short.
constexpr std::chrono::milliseconds kBarEvery{200};
constexpr std::chrono::seconds kLineEvery{30};

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

/// 1:02:03 or 2:03.
std::string clock_text(double seconds) {
  const auto all = std::llround(std::max(0.0, seconds));
  std::ostringstream out;
  out << std::setfill('0');
  if (all >= 3600) out << all / 3600 << ':' << std::setw(2);
  out << all / 60 % 60 << ':' << std::setw(2) << all % 60;
  return out.str();
}

std::string bar(std::int64_t done, std::int64_t all) {
  constexpr std::int64_t kWidth = 20;
  const auto filled = all > 0 ? done * kWidth / all : 0;
  return format("[{}{}]", std::string(static_cast<std::size_t>(filled), '#'),
                std::string(static_cast<std::size_t>(kWidth - filled), '.'));
}

/// Where it is worth a look: more workers may help.
std::string waiting_text(double share) {
  return share < 0.05 ? "" : format("  {} % waiting for images", fixed(100 * share, 0));
}

std::string describe(const train::StepReport& r) {
  return format("epoch {}/{}  step {}/{}  loss {}  lr {}  {} images/s{}  {} left", r.epoch,
                r.epochs, r.step_in_epoch, r.steps_per_epoch, fixed(r.mean_loss, 4), fixed(r.lr, 6),
                fixed(r.images_per_second, r.images_per_second < 10 ? 1 : 0),
                waiting_text(r.waiting), clock_text(r.seconds_left));
}

}  // namespace

Progress::Progress(Log& log, bool quiet)
    : log_(log),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) != 0 && log.options().format == LogFormat::kText),
      last_(Clock::now()) {}

void Progress::draw(const std::string& line) {
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::wipe() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void Progress::step(const train::StepReport& report) {
  const auto now = Clock::now();
  if (quiet_ || now - last_ < (terminal_ ? Clock::duration(kBarEvery) : kLineEvery)) return;
  last_ = now;
  if (terminal_)
    draw(bar(report.step_in_epoch, report.steps_per_epoch) + " " + describe(report));
  else
    log_.info("{}", describe(report));
}

void Progress::evaluation(std::int64_t done, std::int64_t all) {
  const auto now = Clock::now();
  if (quiet_ || !terminal_ || now - last_ < Clock::duration(kBarEvery)) return;
  last_ = now;
  draw(bar(done, all) + format(" evaluating {}/{}", done, all));
}

void Progress::epoch(const train::EpochReport& r) {
  wipe();
  std::string evaluation;
  if (r.top1) evaluation = format("  top-1 {} %  top-5 {} %", fixed(*r.top1, 2), fixed(*r.top5, 2));
  if (r.map) evaluation = format("  mAP {} %", fixed(*r.map, 2));
  if (r.loss) evaluation += format("  val loss {}{}", fixed(*r.loss, 4), r.best ? "  (best)" : "");
  if (r.bad_images > 0) evaluation += format("  bad images replaced: {}", r.bad_images);
  if (r.bad_val_images > 0)
    evaluation += format("  bad images not evaluated: {}", r.bad_val_images);
  const auto part = r.step_in_epoch < r.steps_per_epoch
                        ? format("  step {}/{}", r.step_in_epoch, r.steps_per_epoch)
                        : "";
  log_.info("epoch {}/{}{}  train loss {}{}{}  {}", r.epoch, r.epochs, part, fixed(r.train_loss, 4),
            evaluation, waiting_text(r.waiting.value_or(0)), clock_text(r.seconds));
}

}  // namespace vit::tools
