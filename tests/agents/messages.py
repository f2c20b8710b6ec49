"""A small set of labelled messages: six intents and what is foreign, by six authors who each word them their way."""

from agents.training import LabelledMessage

AUTHORS = ("ann", "bob", "cem", "dia", "eva", "fox")
PHRASES = {
    "password_reset": [
        "I forgot my password", "how do I reset my password", "the password reset mail never came",
        "my password does not work any more", "please set a new password for me", "reset link for the password is dead",
    ],
    "refund_request": [
        "I want a refund", "please refund my last payment", "when do I get my money back",
        "you charged me twice, refund one", "refund the order, I never used it", "money back for last month please",
    ],
    "invoice_request": [
        "please send me the invoice", "where can I download my invoices", "the invoice lacks our VAT number",
        "I need a receipt for March", "our bookkeeper wants the invoice again", "change the address on the invoice",
    ],
    "export_data": [
        "how do I export my contacts", "export everything to a CSV file", "the export stops half way",
        "I need a backup of all deals", "can I download our data", "export of the report is empty",
    ],
    "smalltalk": [
        "hello", "hi there", "good morning to you", "thanks a lot", "thank you, bye", "how are you today",
    ],
    "mobile_app": [
        "the app crashes on my phone", "does the iPhone app work offline", "no notifications on Android",
        "cannot install the mobile app", "the tablet app is blank", "phone app shows old contacts",
    ],
    "out_of_scope": [
        "what is the capital of Italy", "tell me a joke", "who won the football game", "recipe for apple pie",
        "how tall is Mount Everest", "write a poem about rain",
    ],
}  # fmt: skip
CATEGORIES = {"password_reset": "technical", "mobile_app": "technical", "export_data": "technical",
              "refund_request": "billing", "invoice_request": "billing"}  # fmt: skip
URGENT = {"password_reset", "refund_request"}


def labelled_messages() -> list[LabelledMessage]:
    return [
        LabelledMessage(
            text, intent, CATEGORIES.get(intent, "general"), "high" if intent in URGENT else "low", author
        )
        for intent, texts in PHRASES.items()
        for text, author in zip(texts, AUTHORS, strict=True)
    ]  # fmt: skip
