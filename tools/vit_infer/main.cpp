// vit-infer: what a model says of images.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "modes.h"

namespace {

constexpr auto kExamples =
    "Examples:\n"
    "  vit-infer -m model.safetensors cat.jpg                      five most probable classes\n"
    "  vit-infer -m model.safetensors photos/ --format jsonl -o rows.jsonl\n"
    "  find . -name '*.png' -print0 | vit-infer -m model.safetensors - -0 --format csv | head\n"
    "  vit-infer -m model.safetensors photos/ --features pooled -o features.npy\n"
    "  vit-infer -m model.safetensors photos/ --attention maps --html gallery.html\n"
    "  vit-infer -m model.safetensors clip.mp4 --every 0.5s --annotate labelled.mp4\n"
    "  vit-infer -m model.safetensors camera:0 --batch-size 1\n"
    "  vit-infer -m model.safetensors --validate imagenet/val --format json\n"
    "  vit-infer -m model.safetensors cat.jpg --preprocess-only -o input.npy\n"
    "  vit-infer -m model.safetensors --benchmark --batch-size 1\n"
    "  torchrun --nproc-per-node 4 --no-python vit-infer -m model.safetensors photos/ -o "
    "rows.csv\n";

}  // namespace

int main(int argc, char** argv) {
  using namespace vit::tools;
  // Who reads the rows may go: writing then says so instead of ending the program.
  std::signal(SIGPIPE, SIG_IGN);
  Command command("vit-infer", "Classifies images, extracts features, measures models.", kExamples);
  InferOptions options;
  command.flags().add(options);
  command.require("--model");
  const int code = command.run(argc, argv, [&] {
    check_infer_options(options);
    check_video_options(options);
    if (options.benchmark) return run_benchmark(command, options);
    if (options.validate) return run_validation(command, options);
    return run_rows(command, options);
  });
  Command::end(code);
}
