// Sections `ring`, `mailers` and `cache`, and `email-alert` of a proxy, in canonical text.
#pragma once

#include <string>

#include "penstock/config/model.h"

namespace penstock::config {

// `tls`: what servers have unless they say otherwise.
std::string ring_lines(const Ring& ring, const Tls& tls);
std::string mailers_lines(const Mailers& section);
std::string cache_lines(const Cache& cache);
std::string email_alert_lines(const EmailAlert& alert);

}  // namespace penstock::config
