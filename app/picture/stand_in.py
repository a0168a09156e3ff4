"""What `dot -Tsvg` does, for machines without it: reads DOT from stdin, writes SVG to stdout.

Runs in the limited child, on the Graphviz that the pygraphviz wheel brings along; knows nothing of the server.
"""

import sys


def main() -> None:
    import pygraphviz

    graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
    sys.stdout.buffer.write(graph.draw(format="svg", prog="dot"))


if __name__ == "__main__":
    main()
