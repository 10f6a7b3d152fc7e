"""What a change of keys means, for its reviewer: previews and the account in; a comment, JSON or text out."""
