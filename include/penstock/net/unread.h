// Bytes that came and that nobody will read.
#pragma once

namespace penstock {

// Throws away what has come to a TCP socket, so that its close is told as an end and not as a reset.
void forget_unread(int fd);

}  // namespace penstock
