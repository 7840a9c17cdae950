"""Code of the user's own, named `package.module:name`."""
