"""Each classifier beside the plainest things that could do its job, on sources it never saw."""
