// camera MODEL: what camera 0 shows, its class in the window's title. Any key ends it.
#include <vit/infer/predictor.h>
#include <vit/opencv.h>

#include <algorithm>
#include <opencv2/highgui.hpp>
#include <opencv2/videoio.hpp>

int main(int, char** argv) {
  const vit::Predictor predictor(argv[1]);
  cv::VideoCapture camera(0);
  for (cv::Mat frame; cv::pollKey() < 0 && camera.read(frame);) {
    const auto logits = predictor.predict(std::span(&frame, 1)).data;
    const auto best = std::ranges::max_element(logits) - logits.begin();
    cv::imshow("camera", frame);
    cv::setWindowTitle("camera", predictor.config().labels.at(static_cast<std::size_t>(best)));
  }
}
