"""From answers to published products: rows, versions, verdicts on partitions."""
