"""Decides which job runs, where and how often. What a job has come to is the store's to say."""
