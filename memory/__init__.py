"""What is kept: tables, transcripts, knowledge, checkpoints, jobs."""
