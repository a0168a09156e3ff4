"""HTTP: the API, the pages, and the one error shape. Server side; trusts nobody outside and no text of a run."""
