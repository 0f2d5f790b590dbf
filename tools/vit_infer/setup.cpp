#include "setup.h"

#include <algorithm>
#include <cstdio>

#include "common/stop_signal.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/core/text.h"

namespace vit::tools {

namespace {

/// `-v`: what was chosen.
void describe_predictor(Log& log, const std::filesystem::path& file,
                        const infer::Predictor& predictor) {
  const auto& config = predictor.config();
  const auto [c, h, w] = predictor.input_shape();
  const auto choices = predictor.choices();
  log.debug("model {}: {}, input {} × {} × {}, {} classes, {} labels", printable(file.string()),
            config.architecture.empty() ? "no named architecture" : config.architecture, c, h, w,
            predictor.num_classes(), config.labels.size());
  std::string chosen;
  for (const auto& [name, value] : choices.items())
    chosen += format("{}{} {}", chosen.empty() ? "" : ", ", name,
                     value.is_string() ? value.get<std::string>() : value.dump());
  log.debug("{}", chosen);
}

}  // namespace

infer::Predictor open_predictor(Command& command, const InferOptions& options) {
  infer::PredictorOptions predictor;
  predictor.device = command.device_name();
  // Where a launcher has numbered this machine's processes, each takes its own CUDA device.
  predictor.cuda_index = local_rank();
  predictor.precision = options.precision;
  predictor.engine = options.engine;
  predictor.low_memory = options.low_memory;
  predictor.threads = command.threads();
  predictor.architecture = options.arch;
  predictor.config_file = options.config;
  try {
    infer::Predictor opened(options.model, predictor, &command.log());
    describe_predictor(command.log(), options.model, opened);
    return opened;
  } catch (const UsageError& error) {
    const std::string_view what = error.what();
    if (!predictor.cuda_index || predictor.device != "cuda" || !what.starts_with("device")) throw;
    throw UsageError("--device cuda with LOCAL_RANK {}: {}", *predictor.cuda_index, what);
  }
}

data::LoaderOptions loader_options(Command& command, const InferOptions& options,
                                   const infer::Predictor& predictor) {
  catch_stop_signals();
  data::LoaderOptions loading;
  loading.shape = predictor.input_shape();
  loading.batch_size = options.batch_size;
  loading.workers = options.workers > 0 ? options.workers : std::min(command.threads(), 8);
  loading.keep_images = !options.attention.empty() || !options.html.empty();
  loading.stopping = [] { return stop_signal() != 0; };
  return loading;
}

void write_report(const std::filesystem::path& file, const std::string& text) {
  if (!file.empty()) {
    write_file(file, text);
    return;
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  // A reader that is gone (EPIPE) is no error.
  if ((std::fflush(stdout) != 0 || !written) && errno != EPIPE)
    throw IoError("standard output: cannot be written");
}

void report_profile(Command& command, const data::StepTimes& times) {
  if (command.log().options().format == LogFormat::kJson)
    command.log().info("{}", times.to_json().dump());
  else
    std::fputs(times.to_text().c_str(), stderr);
}

int exit_code(bool stopped, std::int64_t failed) {
  if (stopped) return 128 + stop_signal();
  return failed > 0 ? static_cast<int>(ErrorKind::kData) : 0;
}

}  // namespace vit::tools
