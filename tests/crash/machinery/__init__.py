"""What the crash tests share; the workers run as processes of their own, without pytest and without threads."""
