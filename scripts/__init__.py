"""What is run by hand. `scripts.lab` breaks things on purpose; tests share its throwaway servers."""
