"""The error tree. Every error carries `hint`: what to type or do next.

LabkitError
├── InputError                       the caller's input is wrong and says so
│   ├── InvalidRequestError          a field of a request (`param`), with a machine-readable `code`
│   │   └── ContextLengthExceededError
│   ├── ModelNotFoundError           no such model; knows the nearest names
│   ├── RequestNotFoundError         no request of that id is remembered, or it is another caller's
│   ├── ResponseNotFoundError        no response of that id is stored, or it is another caller's
│   ├── RecipeError                  a recipe file that does not validate; lists every problem at once
│   ├── RequestTooLargeError         a body over the limit
│   └── UnsupportedContentError      a body that is not plain JSON
├── RefusedError                     understood, and not allowed (foreign Host or Origin)
│   └── AuthenticationError          no API key, or none that is known
├── MachineError                     the machine is not as it must be
│   ├── DataFolderError              a folder labkit must write to is not writable
│   ├── DiskFullError                no room for what must be written; nothing is lost
│   ├── PortInUseError
│   ├── MissingExtraError            an optional part is not installed
│   └── InsufficientMemoryError
├── InvalidModelFileError            not a GGUF file, cut, hostile, or of an unsupported kind
├── IntegrityError                   bytes are not those that their hash promises
├── UnavailableError                 try again later
│   ├── QueueFullError               knows after how many seconds to try again
│   │   └── BudgetExceededError      the caller's own limit, not the machine's
│   ├── NotReadyError                a model is still loading, or the server is draining
│   ├── DownloadError                a transfer stopped; what arrived is kept
│   └── ConnectionFailedError        nothing answers at the address
├── WorkerDiedError                  the process that held the model ended in mid-work
└── NativeError                      the native core reported a failure
    ├── ModelLoadError
    └── ForwardError
        └── ForwardInterruptedError  it was told to stop; the context is usable

Foreign errors are translated where they enter (probe, socket, native call). Two tables map this tree:
`labkit.api.errors` to HTTP status, `labkit.cli.errors` to exit codes; a test walks the tree through both.
"""


class LabkitError(Exception):
    """Root of the tree: `message` says what is wrong, `hint` what to do next (may be empty)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(LabkitError):
    """The caller's input is wrong."""


class InvalidRequestError(InputError):
    """A request field cannot be honoured: `param` is its path, `code` is for machines."""

    def __init__(self, message: str, *, param: str | None = None, code: str = "invalid_value", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.param = param
        self.code = code


class ContextLengthExceededError(InvalidRequestError):
    """The prompt, or another input, does not fit: carries both numbers, in tokens."""

    def __init__(
        self,
        num_prompt_tokens: int,
        context_tokens: int,
        *,
        what: str = "the prompt",
        param: str = "messages",
        hint: str = "shorten the conversation, or serve the model with a larger --ctx",
    ) -> None:
        super().__init__(
            # Clients that read no code look for these words of OpenAI's.
            f"{what} has {num_prompt_tokens} tokens; this model's maximum context length is {context_tokens}",
            param=param,
            code="context_length_exceeded",
            hint=hint,
        )
        self.num_prompt_tokens = num_prompt_tokens
        self.context_tokens = context_tokens


class ModelNotFoundError(InputError):
    """No model of that name. `nearest` holds similar names, best first."""

    def __init__(self, name: str, nearest: tuple[str, ...] = (), *, hint: str = "", message: str = "") -> None:
        near = f"did you mean {' or '.join(nearest)}?" if nearest else ""
        suggestion = near or "see the names with: labkit models list"
        super().__init__(message or f"there is no model named '{name}'", hint=hint or suggestion)
        self.name = name
        self.nearest = nearest


class RequestNotFoundError(InputError):
    """No request of that id is remembered: it is too old, it never came, or it is another caller's."""

    def __init__(self, request_id: str, *, hint: str = "") -> None:
        super().__init__(f"no request '{request_id}' is remembered", hint=hint or "see what is, with: labkit explain")


class ResponseNotFoundError(InputError):
    """No response of that id is stored, or it is another caller's."""

    def __init__(self, response_id: str) -> None:
        super().__init__(
            f"there is no stored response {response_id[:80]!r}",
            hint="it was made with store: false, deleted, pushed out by newer ones, or the endpoint was restarted",
        )


class RecipeError(InputError):
    """A recipe does not validate. `problems` has one line each."""

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{source} is not a valid recipe:\n{listed}", hint="correct these lines, run again")
        self.problems = problems


class RequestTooLargeError(InputError):
    """A request body over the limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the request body is larger than the limit of {limit_bytes} bytes",
            hint="send fewer or shorter messages",
        )
        self.limit_bytes = limit_bytes


class UnsupportedContentError(InputError):
    """A request body of another kind than plain JSON."""


class RefusedError(LabkitError):
    """Understood, and not allowed."""


class AuthenticationError(RefusedError):
    """The request has no API key, or none that is known."""

    code: str | None = "invalid_api_key"


class MachineError(LabkitError):
    """The machine is not as it must be."""


class DataFolderError(MachineError):
    """A folder labkit must write to is not writable."""


class DiskFullError(MachineError):
    """There is no room for what must be written. What was written before is kept."""


class PortInUseError(MachineError):
    """Another program listens on the address."""


class MissingExtraError(MachineError):
    """An optional part is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the '{extra}' extra", hint=f"pip install 'labkit[{extra}]'")
        self.extra = extra


class InsufficientMemoryError(MachineError):
    """What was asked for does not fit this machine."""


class InvalidModelFileError(LabkitError):
    """Not a GGUF file, cut, hostile, or of a kind the core cannot run."""


class IntegrityError(LabkitError):
    """Bytes are not those that their hash promises."""


class UnavailableError(LabkitError):
    """Try again later."""


class QueueFullError(UnavailableError):
    """The queue is full; `retry_after_seconds` is estimated from measured throughput."""

    def __init__(self, message: str, *, retry_after_seconds: int, hint: str = "") -> None:
        super().__init__(message, hint=hint or f"try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class BudgetExceededError(QueueFullError):
    """The caller's own limit is reached: requests or tokens in a minute or a day, or requests at once."""

    code: str | None = "rate_limit_exceeded"


class NotReadyError(UnavailableError):
    """A model is loading, waits for memory, or the server is draining; may know when to try again."""

    def __init__(self, message: str, *, hint: str = "", retry_after_seconds: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class DownloadError(UnavailableError):
    """A transfer stopped. What arrived is kept, and the next try goes on from there."""


class ConnectionFailedError(UnavailableError):
    """Nothing answers at the address."""


class WorkerDiedError(LabkitError):
    """The process that held the model ended in mid-work."""


class NativeError(LabkitError):
    """The native core reported a failure."""


class ModelLoadError(NativeError):
    """The native core could not load a model or make a context for it."""


class ForwardError(NativeError):
    """A native evaluation failed."""


class ForwardInterruptedError(ForwardError):
    """A native evaluation was told to stop. The context is usable; some of the cells may have been written."""
