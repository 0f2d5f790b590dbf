#include <vit/data/image.h>
#include <vit/infer/predictor.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const vit::Predictor predictor(argv[1]);
  const auto picture = vit::data::decode_image(argv[2], predictor.input_shape()[0]);
  const auto logits = predictor.predict(std::span(&picture, 1));  // [1, num_classes]
  const auto best = logits.argmax(1).item<std::int64_t>();
  std::cout << predictor.config().labels.at(best) << '\n';
}
