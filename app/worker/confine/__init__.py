"""The layers of confinement, each a small module over the kernel's own calls. Runs inside the sandbox."""
