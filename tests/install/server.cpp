// A server that batches requests: each connection sends image paths, one a line, and reads one
// line for each: the label and its probability, or what was wrong. What several connections ask at
// the same time goes through the model as one batch.
//
//     server MODEL PORT [MAX_BATCH] [MAX_DELAY_MS]      PORT 0: any; the one taken is printed
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vit/core/error.h>
#include <vit/data/image.h>
#include <vit/infer/prediction.h>

#include <iostream>
#include <string>

#include "batcher.h"

namespace {

/// Decoding and resizing happen here, in the connection's own thread; only the model is shared.
std::string answer(const std::string& path, const vit::Predictor& predictor, Batcher& batcher) {
  try {
    const auto image = vit::data::decode_image(path, predictor.input_shape()[0]);
    const auto logits = batcher.submit(predictor.preprocess(std::span(&image, 1))).get();
    const auto best = vit::infer::top_k(logits, 1).front();
    return predictor.config().labels.at(static_cast<std::size_t>(best.index)) + "\t" +
           std::to_string(best.prob);
  } catch (const std::exception& error) {
    return std::string("error: ") + error.what();
  }
}

void serve(int connection, const vit::Predictor& predictor, Batcher& batcher) {
  std::string received;
  char block[4096];
  for (ssize_t size = 0; (size = ::read(connection, block, sizeof block)) > 0;) {
    received.append(block, static_cast<std::size_t>(size));
    for (std::size_t end = 0; (end = received.find('\n')) != std::string::npos;) {
      const auto line = answer(received.substr(0, end), predictor, batcher) + "\n";
      received.erase(0, end + 1);
      if (::send(connection, line.data(), line.size(), MSG_NOSIGNAL) < 0) break;
    }
    if (received.size() > 4096) break;  // no path is that long
  }
  ::close(connection);
}

/// Listens on this machine alone and prints the port. Returns a negative number on failure.
int listen_on(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, size) != 0 || ::listen(listener, 64) != 0 ||
      ::getsockname(listener, generic, &size) != 0)
    return -1;
  std::cout << ntohs(address.sin_port) << std::endl;
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const vit::Predictor predictor(argv[1]);
  Batcher batcher(predictor, argc > 3 ? std::stoul(argv[3]) : 16,
                  std::chrono::milliseconds(argc > 4 ? std::stol(argv[4]) : 5));
  const int listener = listen_on(std::stoi(argv[2]));
  if (listener < 0) return 4;
  for (;;) {
    const int connection = ::accept(listener, nullptr, nullptr);
    if (connection < 0) continue;
    std::thread(serve, connection, std::cref(predictor), std::ref(batcher)).detach();
  }
}
