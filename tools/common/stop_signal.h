// SIGINT and SIGTERM: the first is remembered, the second ends the program at once.
#pragma once

namespace vit::tools {

/// Catches SIGINT and SIGTERM from now on.
void catch_stop_signals();

/// The signal that came, or 0.
int stop_signal();

}  // namespace vit::tools
