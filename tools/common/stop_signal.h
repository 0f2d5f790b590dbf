// SIGINT, SIGTERM and SIGHUP: the first is remembered, the second ends the program at once.
#pragma once

namespace vit::tools {

/// Catches them from now on; SIGHUP not where it was ignored when the program began (nohup).
void catch_stop_signals();

/// The signal that came, or 0.
int stop_signal();

}  // namespace vit::tools
