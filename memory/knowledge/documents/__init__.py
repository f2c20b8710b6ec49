"""Files and folders into documents; what cannot be read is reported in words, and the rest is read."""

from memory.knowledge.documents.model import Document, Unreadable
from memory.knowledge.documents.walk import MAX_FILE_BYTES, read_documents

__all__ = ["MAX_FILE_BYTES", "Document", "Unreadable", "read_documents"]
