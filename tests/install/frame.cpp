// An OpenCV program: frame MODEL IMAGE. The image becomes a cv::Mat, as a frame would come.
#include <vit/data/image.h>
#include <vit/infer/predictor.h>
#include <vit/opencv.h>

#include <algorithm>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const vit::Predictor predictor(argv[1]);
  const cv::Mat frame = vit::to_mat(vit::data::decode_image(argv[2], 3));  // BGR
  const auto logits = predictor.predict(std::span(&frame, 1));             // [1, num_classes]
  const auto best = std::ranges::max_element(logits.data) - logits.data.begin();
  std::cout << predictor.config().labels.at(static_cast<std::size_t>(best)) << '\n';
}
