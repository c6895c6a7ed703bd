"""The one table of what the sources of the API leave open; docs/service.md has the same rows.

An assumption is worded as :mod:`.observers` words what it sees, so that the two are compared as texts.
"""

from __future__ import annotations

from dataclasses import dataclass

_NO_ANSWER = "there was no answer"
_NO_COMPLETION = "the OCR task was not seen to complete: try a longer --wait"
_NO_RUNNING = "the OCR task had ended when it was first fetched"
_OWN_SUBMISSION = "each needs a submission of its own"


@dataclass(frozen=True, slots=True)
class Unknown:
    """One thing that no source tells, or that sources tell in several ways.

    :param name: its name in the report and on the page.
    :param question: what is not known.
    :param assumed: the answer that the provider counts on.
    :param otherwise: how the provider behaves with another answer, and what to change.
    :param unseen: why a run does not see it, or may not.
    :param switches: options of the emulator that change the answer.
    """

    name: str
    question: str
    assumed: str
    otherwise: str
    unseen: str = _NO_ANSWER
    switches: tuple[str, ...] = ()


UNKNOWNS = (
    Unknown(
        "token",
        "Which type and lifetime has a token?",
        "Bearer, 3600 s",
        "Nothing to change: it is sent as Bearer, and renewed before its end, without one after 10 minutes",
        switches=("token_lifetime",),
    ),
    Unknown(
        "rejected_sign_in",
        "Which answer do wrong credentials get?",
        "HTTP 400",
        "401 and 403 mean the same. After any other, each task tries them again: when you change the "
        "secret, let no task run with the old one. If they get a token, the first billed call fails",
        switches=("rejected_sign_in",),
    ),
    Unknown(
        "lockout",
        "When is a pair of Client ID and secret locked, and for how long?",
        "after 5 failures, for 10 minutes",
        "Retries wait for as long as Retry-After says; a rejected pair is not tried again for 10 minutes",
        "it would lock the account out",
        ("lockout_failures", "lockout_seconds"),
    ),
    Unknown(
        "refused_token",
        "Which answer does a token get that has ended, was revoked or is wrong?",
        "HTTP 401",
        "Only a 401 renews the token. 204, 400 and 404 look like an unknown OCR task, which a retry submits "
        "anew; others fail the task: clear it. If the result is sent, whoever knows an id can read it",
        switches=("refused_token",),
    ),
    Unknown(
        "address",
        "Where are the operations?",
        "below /v5.0/ocr",
        "Set host or api_prefix of the connection; one SDK uses /v5.0. Redirects are not followed. A web "
        "page comes from something in between: see proxies of the connection",
    ),
    Unknown(
        "ocr_task_id",
        "Which form has the id of an OCR task?",
        "a GUID in plain text",
        "Nothing to change: quotes and white space are taken off, and any id of up to 200 characters is "
        "used. If there is none, tasks fail after a billed call",
        switches=("id_style",),
    ),
    Unknown(
        "wrong_setting",
        "Which answer does a wrong setting get?",
        "HTTP 400 with a problem document",
        "It concerns extra_settings alone. Any 4xx is permanent. What is accepted may be ignored: check it "
        "by eye. A 5xx is submitted twice unless repeat_ambiguous_submit=False",
        switches=("wrong_settings",),
    ),
    Unknown(
        "setting_names",
        "Which is right where sources differ: Rotate, HWT_ENG, PolygonalTextDetector, and which defaults?",
        "as in SDK 24.11; defaults in doubt are sent",
        "The setting is refused or ignored: send another spelling in extra_settings",
        _OWN_SUBMISSION,
    ),
    Unknown(
        "source_formats",
        "Does RecognizeImage take a PDF, or all pages of a TIFF?",
        "neither",
        "Such files are refused before any call: use RecognizePdf, and allow_multipage=True for the TIFF",
        _OWN_SUBMISSION,
    ),
    Unknown(
        "size_limit",
        "How large may a source be?",
        "as large as you like",
        "HTTP 413 is permanent and says so; a reset connection counts as an outage. Bound max_source_bytes",
        "it needs a file of many megabytes",
        ("max_body_bytes",),
    ),
    Unknown(
        "pending_reply",
        "What does a fetch say while the OCR task is running?",
        "HTTP 200 without results",
        "An empty list means the same. 204, 400 and 404 look like an unknown OCR task, which a retry "
        "submits anew, others like an outage: set poll_interval to more seconds than an OCR task takes",
        _NO_RUNNING,
        ("empty_results", "unfinished"),
    ),
    Unknown(
        "task_status",
        "Which taskStatus is there?",
        "as documented",
        "Case counts for nothing. Any other counts as not final: if it is, tasks wait until their timeout",
        switches=("unknown_status",),
    ),
    Unknown(
        "held_reply",
        "Is a fetch held back until the OCR task has ended?",
        "no",
        "Nothing to change: an answer may take the timeout of the connection, 100 s by default",
        _NO_RUNNING,
        ("block_get_seconds",),
    ),
    Unknown(
        "status_endpoint",
        "What does GetTaskStatus say, and does it know speech and deprecated OCR tasks?",
        "the status, without results",
        "Results are not read. If it does not know an OCR task, the result is asked for instead, in one "
        "call more. If it fails, so do tasks whose result is no text",
        switches=("status_knows_ids",),
    ),
    Unknown(
        "response_status_code",
        "Which responseStatusCode has an OCR task that has completed?",
        "Ok",
        "Nothing to change: it is told in messages, and never acted on",
        _NO_COMPLETION,
        ("response_status_code",),
    ),
    Unknown(
        "notices",
        "Does an OCR task that has completed come with messages or warnings?",
        "no",
        "Nothing to change: both are warnings of the manifest",
        _NO_COMPLETION,
        ("warnings", "messages"),
    ),
    Unknown(
        "members",
        "Which members has a reply?",
        "as documented",
        "Nothing to change: others are ignored, and any order and any JSON is read",
        switches=("extra_fields", "shuffle_keys", "escape_base64"),
    ),
    Unknown(
        "media_type",
        "Which media type has a reply, and is it compressed?",
        "application/json",
        "Nothing to change: JSON is read whatever its label, and gzip and deflate are decompressed",
        switches=("reply_type", "gzip"),
    ),
    Unknown(
        "result_data",
        "How is the data of a result written?",
        "Base64, with the words of the image",
        "What is not Base64 is kept as it came, with a warning, but a text of one word may pass for Base64. "
        "Without data a page counts as blank. Compare the text of a page of yours with what is on it",
        _NO_COMPLETION,
        ("plain_data",),
    ),
    Unknown(
        "result_types",
        "Which results has TextAndHocr, in which order?",
        "Text, Hocr",
        "Results are found by their type, in any case and order. If one is missing, or the combined type is "
        "refused, ask for single types, each in a task of its own",
        _NO_COMPLETION,
        ("lower_case_types", "reverse_results"),
    ),
    Unknown(
        "other_results",
        "Which types and forms have JSON, Excel, speech, regions, invoices and fonts?",
        "as in the vendor's examples",
        "A type is guessed by operation, settings and first bytes. If value cannot be read, a warning says "
        "so, and the result is delivered as it came",
        _OWN_SUBMISSION,
    ),
    Unknown(
        "partial_results",
        "Does an OCR task that ends as Error keep some results?",
        "no",
        "They are not fetched: the task fails with the messages",
        "an OCR task cannot be made to fail",
    ),
    Unknown(
        "result_kept",
        "Can a result be read twice?",
        "yes",
        "A text longer than max_inline_bytes, and what a retry fetches again, is lost: raise that limit",
        _NO_COMPLETION,
        ("forget_after_read",),
    ),
    Unknown(
        "unknown_id",
        "Which answer does an unknown, expired or malformed id get?",
        "HTTP 200 with NotExist",
        "204, 400 and 404 mean the same. With another status of an OCR task, tasks wait until their "
        "timeout. With any other answer, a retry fails whose OCR task is gone: set durable=False",
        switches=("unknown_id",),
    ),
    Unknown(
        "foreign_id",
        "Can an id be read by another account, on another path or by the trial path?",
        "no",
        "Whoever may see ids in logs and XComs may read results: keep both to those who may",
        "it needs another account",
    ),
    Unknown(
        "delete",
        "Which answer does a DELETE get?",
        "HTTP 200 without a body",
        "Any 2xx, 400 and 404 mean deleted. After any other a warning says that nothing is: "
        "delete_remote=False, cancel_on_timeout=False and cancel_on_kill=False save the call",
        switches=("delete_status",),
    ),
    Unknown(
        "after_delete",
        "Which answer does a deleted OCR task get?",
        "HTTP 200 with NotExist",
        "If results are still there, delete_remote=True does not remove them: they stay for 24 hours",
        "nothing was deleted",
        ("keep_deleted",),
    ),
    Unknown(
        "cancellation",
        "Does a DELETE end an OCR task that is running?",
        "yes",
        "It goes on, and nobody reads its result: cancel_on_timeout=False leaves it for a retry to resume",
        "the OCR task of a run has ended before it is deleted",
    ),
    Unknown(
        "retention",
        "How long are results kept, counted from the submission?",
        "24 hours",
        "If less, a late retry finds the OCR task unknown and submits anew; a sensor fails",
        "it takes a day",
        ("retention_seconds",),
    ),
    Unknown(
        "billing",
        "Which calls are billed?",
        "each but sign-ins",
        "api_calls counts too many. If polls are free, raise delay_cost of the connection for faster results",
        "compare the vendor's dashboard with the calls of this run",
    ),
    Unknown(
        "credits",
        "Which answer is there when the credits of the account are used up?",
        "HTTP 402 or 403",
        "A 429 counts as too many calls at a time and is repeated: look at the vendor's dashboard",
        "no call was refused: the account has credits",
    ),
    Unknown(
        "retry_later",
        "How many calls may be made at a time, and does a 429 or 503 say how long to wait?",
        "by Retry-After",
        "The wait doubles with each try, up to a minute. Lower concurrency of batches, or use a pool",
        "no call was asked to wait",
    ),
    Unknown(
        "gateway_errors",
        "Which form have errors of the gateway before the service?",
        "any",
        "Nothing to change: the status alone counts, and a 200 that is no answer of the service means 502",
        "a service cannot be made to fail",
    ),
    Unknown(
        "newer_versions",
        "What is different in v5.1, and since SDK 24.11?",
        "nothing",
        "Set api_prefix of the connection, and run this check again",
        "the vendor announces it",
    ),
)
"""Everything that could not be verified without the real service, in the order of a task."""
