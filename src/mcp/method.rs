//! The methods of MCP.

/// Declares [`Method`] and its table in one place, so that no method can be in one and not in the other.
macro_rules! methods {
    ($($variant:ident $name:literal $named_by:ident,)*) => {
        /// A method or a notification of MCP and its extensions, of every revision (protocol page, section 3).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// A vendor's own, a later revision's, or no method at all.
            Other,
        }

        impl Method {
            /// Every method, [`Method::Other`] last.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)* Self::Other];

            /// The method of this name, compared byte for byte.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// Its name; `_other` for [`Method::Other`].
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "_other",
                }
            }

            /// Which member of `params` names what the method is about.
            pub fn named_by(self) -> NamedBy {
                match self {
                    $(Self::$variant => NamedBy::$named_by,)*
                    Self::Other => NamedBy::None,
                }
            }
        }
    };
}

methods! {
    Initialize "initialize" None,
    ServerDiscover "server/discover" None,
    Ping "ping" None,
    ToolsList "tools/list" None,
    ToolsCall "tools/call" Name,
    ResourcesList "resources/list" None,
    ResourcesTemplatesList "resources/templates/list" None,
    ResourcesRead "resources/read" Uri,
    ResourcesSubscribe "resources/subscribe" Uri,
    ResourcesUnsubscribe "resources/unsubscribe" Uri,
    ResourcesDirectoryRead "resources/directory/read" Uri,
    PromptsList "prompts/list" None,
    PromptsGet "prompts/get" Name,
    CompletionComplete "completion/complete" None,
    LoggingSetLevel "logging/setLevel" None,
    SubscriptionsListen "subscriptions/listen" None,
    TasksGet "tasks/get" TaskId,
    TasksCancel "tasks/cancel" TaskId,
    TasksResult "tasks/result" TaskId,
    TasksList "tasks/list" None,
    TasksUpdate "tasks/update" TaskId,
    SkillsList "skills/list" None,
    SkillsGet "skills/get" Uri,
    SamplingCreateMessage "sampling/createMessage" None,
    RootsList "roots/list" None,
    ElicitationCreate "elicitation/create" None,
    NotificationsInitialized "notifications/initialized" None,
    NotificationsCancelled "notifications/cancelled" None,
    NotificationsProgress "notifications/progress" None,
    NotificationsMessage "notifications/message" None,
    NotificationsToolsListChanged "notifications/tools/list_changed" None,
    NotificationsPromptsListChanged "notifications/prompts/list_changed" None,
    NotificationsResourcesListChanged "notifications/resources/list_changed" None,
    NotificationsResourcesUpdated "notifications/resources/updated" Uri,
    NotificationsRootsListChanged "notifications/roots/list_changed" None,
    NotificationsTasksStatus "notifications/tasks/status" TaskId,
    NotificationsTasks "notifications/tasks" TaskId,
    NotificationsElicitationComplete "notifications/elicitation/complete" None,
    NotificationsSubscriptionsAcknowledged "notifications/subscriptions/acknowledged" None,
}

/// Which member of `params` names the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// `name`: a tool or a prompt.
    Name,
    /// `uri`: a resource.
    Uri,
    /// `taskId`.
    TaskId,
    /// Nothing does.
    None,
}

impl Method {
    /// Whether it is a notification: nobody answers it.
    pub fn is_notification(self) -> bool {
        self.as_str().starts_with("notifications/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_own_name() {
        for &method in Method::ALL {
            assert_eq!(Method::from_name(method.as_str()), method);
        }
        assert_eq!(Method::ALL.len(), 39 + 1);
        assert_eq!(Method::from_name(""), Method::Other);
        assert_eq!(Method::from_name("Ping"), Method::Other);
        assert_eq!(Method::Other.as_str(), "_other");
    }

    #[test]
    fn the_targets_of_the_name_header_are_where_the_specification_says() {
        assert_eq!(Method::ToolsCall.named_by(), NamedBy::Name);
        assert_eq!(Method::PromptsGet.named_by(), NamedBy::Name);
        assert_eq!(Method::ResourcesRead.named_by(), NamedBy::Uri);
        assert_eq!(Method::TasksUpdate.named_by(), NamedBy::TaskId);
        assert_eq!(Method::Ping.named_by(), NamedBy::None);
    }

    #[test]
    fn notifications_are_known_by_their_prefix() {
        assert!(Method::NotificationsTasks.is_notification());
        assert!(!Method::ToolsCall.is_notification() && !Method::Other.is_notification());
    }
}
