#include "common/stop_signal.h"

#include <unistd.h>

#include <csignal>

namespace vit::tools {
namespace {

volatile std::sig_atomic_t caught = 0;

void remember(int signal) {
  if (caught != 0) _exit(128 + signal);
  caught = signal;
}

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
    sigaction(SIGHUP, &action, nullptr);
}

int stop_signal() { return caught; }

}  // namespace vit::tools
