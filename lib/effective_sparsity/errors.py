"""The one error for what a user can mend."""


class UserError(ValueError):
    """Bad input: configuration, data, model or arguments.

    Its message is one line that names the key or file, the value found, and the cure.
    """
