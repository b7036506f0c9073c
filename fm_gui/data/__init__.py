"""From files to rows a model can learn from: readers -> columns -> split -> dataset; samples; prepare (for a task)."""
