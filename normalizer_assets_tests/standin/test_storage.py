from pathlib import Path

from normalizer_assets.standin.storage import BatchRecord, FileRecord, Storage


def file_record(name: str, created_at: float) -> FileRecord:
    return FileRecord(name, "requests.jsonl", "batch", 3, created_at, None)


def batch_record(name: str, created_at: float) -> BatchRecord:
    return BatchRecord(name, created_at, "file-1", "/v1/embeddings", {"shard": "é"}, 60.0)


def test_a_folder_gives_files_and_batches_back_in_their_order(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    for number, created_at in (("2", 2.0), ("1", 1.0)):
        storage.save_file(file_record(f"file-{number}", created_at), number.encode())
        storage.save_batch(batch_record(f"batch_{number}", created_at))
    found = Storage(tmp_path)
    assert list(found.files) == ["file-1", "file-2"]
    assert list(found.batches) == ["batch_1", "batch_2"]
    assert found.content("file-2") == b"2"
    assert found.batches["batch_1"] == batch_record("batch_1", 1.0)


def test_a_deleted_file_stays_deleted(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    storage.save_file(file_record("file-1", 1.0), b"abc")
    storage.delete_file("file-1")
    assert not Storage(tmp_path).files
    assert not list(tmp_path.iterdir())


def test_memory_keeps_contents_without_a_folder() -> None:
    storage = Storage(None)
    storage.save_file(file_record("file-1", 1.0), b"abc")
    assert storage.content("file-1") == b"abc"
