//! What the requests of a batch may ask for together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::{ServerError, ValidationResult};

/// What is left of it.
#[derive(Clone)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// One of so much complexity.
    pub fn of(complexity: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(complexity)))
    }

    fn spend(&self, complexity: usize) -> bool {
        let less = |left: usize| left.checked_sub(complexity);
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// Holds requests to the budget that comes with them.
pub(crate) struct Budgeted;

impl ExtensionFactory for Budgeted {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Budgeted {
    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(context).await?;
        match context.data_opt::<Budget>() {
            Some(budget) if budget.spend(result.complexity) => Ok(result),
            _ => Err(vec![ServerError::new("Batch is too complex.", None)]),
        }
    }
}
